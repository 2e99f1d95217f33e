"""Side by side with what else one could use: ``python -m benchmarks.compare --help``."""
