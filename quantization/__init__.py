"""From float weights to one quantized graph."""
