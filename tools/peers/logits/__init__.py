"""One module an engine: ``python -m tools.peers.logits.NAME model frames.npy logits.npy`` in the engine's environment.

Frames have the model's input dtype and layout, one after another along axis 0; logits are float32 [N, C, h, w].
"""
