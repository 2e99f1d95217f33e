"""Comparison with other inference engines: ``python -m benchmarks.compare --help``."""
