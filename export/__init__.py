"""From the quantized graph to files an engine runs."""
