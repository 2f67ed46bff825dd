"""The functions that PyCOMPSs offers beside its API."""
