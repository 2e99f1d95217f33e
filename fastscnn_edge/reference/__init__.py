"""The PyTorch reference: model, checkpoints, datasets, training and mIoU. Never imported on a board."""
