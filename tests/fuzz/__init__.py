"""Mutations of small valid files, against every reader: ``python -m tests.fuzz --help``."""
