"""Comparison of other engines on our .onnx with our evaluator: ``python -m device_tests.interop --help``."""
