"""Tests that a board must pass, on this machine, emulated boards and real ones: ``device_tests/run --help``."""
