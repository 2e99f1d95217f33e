"""``python -m fastscnn_edge.run`` is ``fastscnn-edge run``."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
