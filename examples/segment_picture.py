"""Print the share of each class in a picture, and write its overlay and its mask.

python examples/segment_picture.py picture.jpg
"""

from __future__ import annotations

import sys

from fastscnn_edge import Segmenter

with Segmenter() as segmenter:  # the bundled INT8 model; Segmenter("model.tflite", threads=2) for another
    result = segmenter.segment(sys.argv[1])

for label, share in result.class_shares.items():
    print(f"{label:<12} {100 * share:5.1f} %")
print(*result.save("."))
