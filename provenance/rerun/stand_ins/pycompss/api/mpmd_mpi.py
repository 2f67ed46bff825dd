"""``@mpmd_mpi``: a task of several MPI programs."""

from .._decorators import needs_compss

mpmd_mpi = MpmdMPI = needs_compss("starts several MPI programs together")
