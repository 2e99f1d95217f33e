"""One module an engine, each with ``load(model, threads, picture) -> (frame -> classes)``.

They run in the engine's own environment, so they import numpy, the engine, and nothing of this package except
``ours``. Each is set up as its makers' guide says, for latency, with float precision left at float32 where an engine
would lower it by itself: the weights are the same and so must be the masks.

A frame is uint8 [H, W, 3], RGB, at the model's size; classes are uint8 [H, W].
"""
