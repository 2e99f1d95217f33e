"""``python -m fastscnn_edge.export`` is ``fastscnn-edge export``."""

import sys

from ..commands.export import main

if __name__ == "__main__":
    sys.exit(main())
