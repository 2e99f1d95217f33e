"""Live sources: a class a kind of camera, each importing its library only when it is opened."""
