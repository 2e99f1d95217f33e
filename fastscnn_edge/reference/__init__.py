"""The PyTorch reference: model, checkpoints and training. Never imported on a board."""
