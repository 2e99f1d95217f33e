"""What argparse accepts as a number, a size, an amount of memory."""

from __future__ import annotations

import argparse
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.cli.arguments import (
    board_memory,
    camera_size,
    integer,
    memory_amount,
    number,
    parsed_by,
    positive,
    seed,
    size,
    threads,
    version_number,
    workers,
)
from fastscnn_edge.cli.weights import add_checkpoint_options

TYPES = [
    board_memory,
    camera_size,
    memory_amount,
    number(0, 1),
    positive,
    seed,
    size,
    threads,
    version_number,
    workers,
    parsed_by(lambda text: int(text, 36)),
]


@given(st.sampled_from(TYPES), st.text(max_size=40) | st.sampled_from(["nan", "inf", "-inf", "1e999", "9" * 5000]))
def test_any_text_is_a_value_or_one_sentence(parse, text: str) -> None:
    with contextlib.suppress(argparse.ArgumentTypeError):
        parse(text)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (number(0, 10), "2.5", 2.5),
        (integer(2, 5), "5", 5),
        (seed, "4294967295", 4294967295),
        (workers, "0", 0),
        (threads, "64", 64),
        (size, "360x480", (360, 480)),
        (camera_size, "640X480", (640, 480)),
        (memory_amount, "128M", 128 << 20),
        (memory_amount, "0.5 GiB", 1 << 29),
        (board_memory, "8G", 8 << 30),
        (version_number, "10.3", (10, 3)),
    ],
)
def test_values(parse, text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (number(0, 1, "learning rate"), "2", "'2' is not a learning rate, 0 to 1"),
        (seed, "-1", "not an integer from 0 to 4294967295"),
        (workers, "-1", "not an integer from 0"),
        (threads, "65", "from 1 to 64"),
        (size, "16x16", "outside 32..8192"),
        (camera_size, "640", "not WIDTHxHEIGHT"),
        (board_memory, "64M", "at least 256M"),
        (version_number, "ten", "not a version"),
    ],
)
def test_refusals(parse, text: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=words):
        parse(text)


@pytest.mark.parametrize("text", ["1e-9", "0", "1", "half"])
def test_the_bounds_of_a_threshold_are_said(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_checkpoint_options(parser)
    assert parser.parse_args(["--threshold", "1e-6"]).threshold == 1e-6
    with pytest.raises(SystemExit):
        parser.parse_args(["--threshold", text])
    assert f"'{text}' is not a threshold from 0.000001 to 0.999999" in capsys.readouterr().err
