"""``python -m fastscnn_edge`` is the ``fastscnn-edge`` command."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
