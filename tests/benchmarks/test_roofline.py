"""The least time of a layer, and the table."""

from __future__ import annotations

from benchmarks.roofline import Layer, Limits, roofline_table


def test_the_roofline_takes_the_slower_of_arithmetic_and_memory() -> None:
    limit = Limits(macs=1e9, moved=1e8)
    assert limit.least(Layer("a", 10**6, 10, 1.0)) == 1e-3
    assert limit.least(Layer("b", 10, 10**6, 1.0)) == 1e-2
    text = roofline_table([Layer("a", 10**6, 10, 0.002), Layer("b", 10, 10**6, 0.02)], limit, 0.033)
    assert "| a | 1.0 | 0.00 | 2.00 | 0.5 | 1.00 | 2.0 |" in text
    assert text.splitlines()[-1].startswith("| the network | 1.0 | 1.00 | 33.00 ")
