"""``python -m fastscnn_edge.export`` is ``fastscnn-edge export``."""

import sys

from ..cli.main import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
