"""The system: packages of the distribution, programs and libraries that no package owns, MPI, BLAS, accelerators."""
