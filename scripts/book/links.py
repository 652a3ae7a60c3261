"""Whether what links lead to is there: `links.py BOOK`, the folder of the built book. Addresses elsewhere are not asked.

In the book as it was built: pages, files, and places within pages. In the repository's other documents: files, and headings of documents. And each of
the alert rules has its runbook, by its name, and no runbook is about anything else;
and each provider that config/default.toml shows is on a page of the book.
"""

import html.parser
import pathlib
import re
import subprocess
import sys
from urllib.parse import unquote, urlsplit

BOOK = pathlib.Path(sys.argv[1]).resolve()
RULES = pathlib.Path("deploy/monitoring/rules.yml")
RUNBOOKS = pathlib.Path("docs/book/src/runbooks.md")
problems = []


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if attributes.get("id"):
            self.ids.add(attributes["id"])
        for name in ("href", "src"):
            if attributes.get(name):
                self.links.append(attributes[name])


def check_book():
    pages = {path: Page(path) for path in BOOK.rglob("*.html")}
    for path, page in pages.items():
        # It stands for any address, so its links are the root's.
        if path.name == "404.html":
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            if not target.is_relative_to(BOOK) or not target.is_file():
                problems.append(f"{path.relative_to(BOOK)}: nothing is at {link}")
            elif parts.fragment and target in pages and parts.fragment not in pages[target].ids:
                problems.append(f"{path.relative_to(BOOK)}: {link}: that page has no such place")
    return len(pages)


def anchors(path):
    """The places of a document, as they are made of its headings where it is shown."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    plain = [re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def check_documents():
    listed = subprocess.run(["git", "ls-files", "*.md"], check=True, capture_output=True, text=True).stdout.split()
    paths = [pathlib.Path(name) for name in listed if not name.startswith("docs/book/")]
    for path in paths:
        prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose)):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            if not target.exists():
                problems.append(f"{path}: nothing is at {link}")
            elif parts.fragment and target.suffix == ".md" and parts.fragment not in anchors(target):
                problems.append(f"{path}: {link}: that document has no such heading")
    return len(paths)


def check_runbooks():
    text = RULES.read_text()
    rules = re.findall(r"^ *- alert: (\w+)$", text, re.M)
    runbooks = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.M)
    if rules != runbooks:
        problems.append(f"{RUNBOOKS}: has {runbooks}, and the rules are, in this order, {rules}")
    for rule in rules:
        if f"runbook: {RUNBOOKS}#{rule.lower()}\n" not in text:
            problems.append(f"{RULES}: {rule} does not name its runbook, {RUNBOOKS}#{rule.lower()}")


def check_providers():
    shown = re.findall(r"^# \[providers\.([\w-]+)\]", pathlib.Path("config/default.toml").read_text(), re.M)
    text = "".join(path.read_text() for path in pathlib.Path("docs/book/src/channels").glob("*.md"))
    for kind in shown:
        if f"`{kind}`" not in text and f"[providers.{kind}]" not in text:
            problems.append(f"docs/book/src/channels: no page says how {kind} is set up")


pages, documents = check_book(), check_documents()
check_runbooks()
check_providers()
for problem in problems:
    print(problem, file=sys.stderr)
print(f"links of {pages} pages of the book and of {documents} other documents: {len(problems)} lead nowhere", file=sys.stderr)
sys.exit(1 if problems else 0)
