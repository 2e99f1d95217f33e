"""Print the share of each class in a picture, and write its overlay.

python examples/segment_picture.py picture.jpg
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

from fastscnn_edge import Segmenter

picture = np.asarray(Image.open(sys.argv[1]).convert("RGB"))
segmenter = Segmenter()  # the bundled INT8 model; Segmenter("model.tflite", threads=2) for another
class_map = segmenter.predict(picture)  # uint8 [H, W], at the picture's own size

labels = segmenter.spec.classes.labels
counts = np.bincount(class_map.ravel(), minlength=len(labels))
for index in counts.argsort()[::-1]:
    print(f"{labels[index]:<12} {100 * counts[index] / class_map.size:5.1f} %")

colors = np.array(segmenter.spec.classes.palette, np.uint8)[class_map]
Image.fromarray(picture // 2 + colors // 2).save("overlay.png")
