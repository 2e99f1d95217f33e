"""What runs on the board: numpy, Pillow, one inference engine, and nothing heavier."""
