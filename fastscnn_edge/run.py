"""``python -m fastscnn_edge.run`` is ``fastscnn-edge run``."""

import sys

from .commands.run import main

if __name__ == "__main__":
    sys.exit(main())
