"""``python -m device_tests.interop``."""

import sys

from .command import main

sys.exit(main())
