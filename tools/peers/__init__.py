"""Other inference engines beside ours: pinned environments, converters, and one module an engine.

``benchmarks`` measures them and ``device_tests.interop`` compares their logits; both find everything here.

- :mod:`.process`: a command with its output in a log; :class:`~.process.NotRunError`.
- :mod:`.environment`: pins, and the Python that has them installed.
- :mod:`.convert`: one module a model format, run in the environment of the converter.
- :mod:`.engines`: one module an engine, from a frame to its class map; :mod:`.worker` runs one, and
  :mod:`.worker_process` talks to it.
- :mod:`.logits`: one module an engine, from frames to logits.
"""
