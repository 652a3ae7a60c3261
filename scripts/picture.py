#!/usr/bin/env python3
"""Draws what a terminal shows as an SVG: docs/demo.svg is made of what `make run` printed.

    make run | tee output.txt     # and when the story has been told: Ctrl-C
    scripts/picture.py "make run" <output.txt >docs/demo.svg

It ends before the commands to paste, which hold a key. No line is changed, but what is longer than the picture is wide ends in an
ellipsis. Colours follow from what a line says: what was sent, what was cancelled, what is a heading.
"""

import html
import re
import sys

COLUMNS, CHARACTER, LINE, MARGIN, TITLE = 118, 7.8, 19, 18, 34
COLOURS = [
    (r"^(──|The demo team)", "#e6b450"),
    (r" (sent|delivered) ", "#7fd962"),
    (r" cancelled ", "#6c7380"),
    (r"", "#bfbdb6"),
]


def text(line: str, number: int) -> str:
    if len(line) > COLUMNS:
        line = line[: COLUMNS - 1] + "…"
    colour = next(colour for pattern, colour in COLOURS if re.search(pattern, line))
    y = TITLE + MARGIN + number * LINE
    return f'<text x="{MARGIN}" y="{y}" fill="{colour}">{html.escape(line, quote=False)}</text>'


def picture(title: str, lines: list[str]) -> str:
    width = round(2 * MARGIN + COLUMNS * CHARACTER)
    height = TITLE + 2 * MARGIN + (len(lines) - 1) * LINE
    dots = "".join(f'<circle cx="{18 + 18 * n}" cy="17" r="5.5" fill="{c}"/>' for n, c in enumerate(["#f07178", "#e6b450", "#7fd962"]))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"',
            f'     font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" xml:space="preserve">',
            f"<title>{html.escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="9" fill="#0d1017"/>',
            dots,
            f'<text x="{width / 2}" y="22" fill="#8a9199" text-anchor="middle">{html.escape(title)}</text>',
            *(text(line, number) for number, line in enumerate(lines)),
            "</svg>",
        ]
    )


if __name__ == "__main__":
    shown = sys.stdin.read().split("── The server stays up")[0]
    print(picture(sys.argv[1], shown.strip("\n").split("\n")))
