"""``python -m fastscnn_edge`` is the ``fastscnn-edge`` command."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
