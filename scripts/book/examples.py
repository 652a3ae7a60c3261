"""Whether what the book shows would work, as WATCHBELL_TEST_BIN sees it: its settings are read by `watchbell check-config`, and of its commands each word
and option is one that the program knows. Without that variable it says that it did not look.
"""

import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PROGRAM = os.environ.get("WATCHBELL_TEST_BIN")
# What is asked for where a secret's file, or an id, would stand.
STAND_INS = [
    (r'vapid_public_key = "B…"', 'vapid_public_key = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"'),
    (r'application_id = "…"', 'application_id = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"'),
    (r"AC…", "AC00000000000000000000000000000000"),
]
problems = []


def blocks(path, language):
    """The code of a page in that language, with the line where each begins. What is included is its own business."""
    text = path.read_text()
    for block in re.finditer(rf"^```{language}\n(.*?)^```", text, re.M | re.S):
        if "{{#include" not in block[1]:
            yield text[: block.start()].count("\n") + 1, block[1]


def check_settings(path, line, text):
    # A file that the page says nothing more of is none that has to be there: what is read of it is its content, here as the setting itself.
    text = re.sub(r'^(\w+)_file = ".*?"', r'\1 = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="', text, flags=re.M)
    for pattern, stand_in in STAND_INS:
        text = text.replace(pattern, stand_in)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        checked = subprocess.run([PROGRAM, "check-config", "--config", file.name], env={}, capture_output=True, text=True, check=False)
    wrong = [said.replace(file.name, f"{path}:{line}") for said in (checked.stdout + checked.stderr).splitlines() if not is_content(said)]
    if checked.returncode != 0 and wrong:
        problems.append("\n".join(wrong))


def is_content(said):
    """Whether it is about what a stand-in cannot be: a key, or an id that the page leaves open."""
    return re.search(r"\(secret\)|vapid|public_key|…", said) is not None


@functools.cache
def help_of(*words):
    asked = subprocess.run([PROGRAM, *words, "--help"], env={}, capture_output=True, text=True, check=False)
    return asked.stdout if asked.returncode == 0 else None


def check_command(path, line, text):
    """`watchbell deliveries list --state failed # why`: deliveries, list and --state have to be known."""
    words = text.split(" #")[0].split()
    known = []
    while words and re.fullmatch(r"[a-z-]+", words[0]) and "Commands:" in help_of(*known):
        known.append(words.pop(0))
        if help_of(*known) is None:
            problems.append(f"{path}:{line}: there is no command watchbell {' '.join(known)}")
            return
    for option in (word.split("=")[0] for word in words if word.startswith("--")):
        if not re.search(rf"{option}\b", help_of(*known)):
            problems.append(f"{path}:{line}: watchbell {' '.join(known)} has no {option}")


if not PROGRAM:
    print("NOT CHECKED: what the book shows (WATCHBELL_TEST_BIN is not set)", file=sys.stderr)
    sys.exit(0)
settings = commands = 0
for path in [pathlib.Path("README.md"), *sorted(pathlib.Path("docs/book/src").rglob("*.md"))]:
    for line, text in blocks(path, "toml"):
        settings += 1
        check_settings(path, line, text)
    for line, text in blocks(path, "sh"):
        for number, row in enumerate(text.splitlines()):
            for command in re.findall(r"(?:^|&& |until )watchbell ([a-z][^;|&<>]*)", row.strip()):
                commands += 1
                check_command(path, line + 1 + number, command)
for problem in problems:
    print(problem, file=sys.stderr)
print(f"what the book shows: {settings} pieces of settings, {commands} commands, {len(problems)} problems", file=sys.stderr)
sys.exit(1 if problems else 0)
