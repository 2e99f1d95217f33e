"""One module an engine, each with ``load(model, threads, frame_format) -> (frame -> class map)``.

They run in the engine's own environment, so they import numpy, the engine, and nothing of this project except in
``ours``, ``openvino_lazy`` and the two of PyTorch. Each is set up as its makers' guide says, for latency; where an
engine would lower float precision by itself, it is kept at float32: the weights are the same, so the masks must be.

A frame is uint8 [H, W, 3], RGB, at the model's size; a class map is uint8 [H, W].
"""
