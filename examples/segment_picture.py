"""How much of a picture each class covers, and the overlay beside it.

python examples/segment_picture.py picture.jpg
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

from fastscnn_edge import Segmenter

picture = np.asarray(Image.open(sys.argv[1]).convert("RGB"))
segmenter = Segmenter()  # the bundled INT8 model; Segmenter("model.tflite", threads=2) for another
classes = segmenter.predict(picture)  # uint8 [H, W], at the picture's own size

labels = segmenter.spec.classes.labels
counts = np.bincount(classes.ravel(), minlength=len(labels))
for index in counts.argsort()[::-1]:
    print(f"{labels[index]:<12} {100 * counts[index] / classes.size:5.1f} %")

colors = np.array(segmenter.spec.classes.palette, np.uint8)[classes]
Image.fromarray(picture // 2 + colors // 2).save("overlay.png")
