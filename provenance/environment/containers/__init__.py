"""Containers: the one that a run takes place in, those that it starts, and their images."""
