"""What a board must pass, on this machine, on emulated boards and on real ones: ``device_tests/run --help``."""
