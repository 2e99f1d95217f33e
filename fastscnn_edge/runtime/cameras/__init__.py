"""Cameras: one class per kind of camera, each importing its library only when it is opened."""
