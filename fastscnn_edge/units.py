"""Units that several modules print or compare in."""

MIB = 1 << 20
"""Bytes in a mebibyte."""
