"""Units shared by several modules."""

MIB = 1 << 20
"""Bytes in a mebibyte."""
