"""Checkpoints of other projects: their key names, what they say beside weights, and models of one logit."""
