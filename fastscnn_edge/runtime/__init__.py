"""The device runtime: numpy, Pillow, one inference engine, and nothing heavier."""
