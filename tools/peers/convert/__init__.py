"""One module a model format, run as ``python -m tools.peers.convert.NAME ...`` in the environment of the converter.

Its docstring has the arguments. Models take normalized float32 [1, 3, H, W] or, where only conversion is tested, the
uint8 frames of our own .onnx. Calibration data is a file of :class:`.calibration.Calibration`.
"""
