"""Text for people: escaping of file names, class names and error messages for terminals, CSV and Markdown; counts."""

from __future__ import annotations

from typing import Any

_MARKDOWN = str.maketrans({"<": "&lt;", ">": "&gt;", "|": "\\|", "`": "'", "[": "\\[", "]": "\\]"})


def printable(text: str) -> str:
    """Make one line for a terminal or log; control characters, which could control the terminal, become ``\\x1b``.

    Bytes of a file name that are not UTF-8 (surrogates) are escaped too.
    """
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in line)


def csv_cell(text: str) -> str:
    """Make a cell that a spreadsheet takes as text and not as a formula such as ``=cmd()``."""
    cell = printable(text)
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell


def markdown_text(value: Any) -> Any:
    """Copy ``value`` with the Markdown and HTML characters in all its strings escaped, also inside lists and dicts."""
    if isinstance(value, str):
        return printable(value).translate(_MARKDOWN)
    if isinstance(value, dict):
        return {markdown_text(key): markdown_text(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [markdown_text(item) for item in value]
    return value


def count_of(number: int, noun: str) -> str:
    """Number with its noun: ``1 frame``, ``2 frames``, ``3 classes``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()
