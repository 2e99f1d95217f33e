"""Do other engines compute the same from our .onnx? ``python -m device_tests.interop --help``."""
