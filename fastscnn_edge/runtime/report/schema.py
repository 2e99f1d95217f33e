"""The name of the report's schema."""

from __future__ import annotations

SCHEMA = "fastscnn_edge.report/1"
"""Changes when a field changes its meaning or goes; new fields do not change it."""
