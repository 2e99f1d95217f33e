"""Text from files, on its way to a terminal, a spreadsheet, a Markdown page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.text import count_of, csv_cell, markdown_text, printable


@given(st.text())
def test_nothing_moves_a_cursor(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()  # no lone surrogate is left


def test_what_was_there_can_be_read() -> None:
    assert printable("a\x1b]0;title\x07 b\n c \udcff ü") == "a\\x1b]0;title\\x07 b c \\udcff ü"


@given(st.text(min_size=1))
def test_no_cell_is_a_formula(text: str) -> None:
    assert csv_cell(text)[:1] not in ("=", "+", "-", "@", "\t", "\r", " ")


def test_a_formula_becomes_text() -> None:
    assert csv_cell('=HYPERLINK("http://x")') == '\'=HYPERLINK("http://x")'
    assert csv_cell("road") == "road"


def test_markdown_of_strangers() -> None:
    data = {"name": "<script>|`x`", "rows": [("[a](b)", 1)], "n": 2.5}
    assert markdown_text(data) == {"name": "&lt;script&gt;\\|'x'", "rows": [["\\[a\\](b)", 1]], "n": 2.5}


def test_numbers_before_nouns() -> None:
    assert [count_of(number, "picture") for number in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]
    assert [count_of(number, "class") for number in (1, 19)] == ["1 class", "19 classes"]
