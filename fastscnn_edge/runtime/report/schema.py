"""Name and version of the report's schema."""

from __future__ import annotations

SCHEMA = "fastscnn_edge.report/1"
"""Schema version: changes if a field is removed or changes its meaning; new fields do not change it."""
