"""What applications import from PyCOMPSs."""
