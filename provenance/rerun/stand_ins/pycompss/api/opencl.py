"""``@opencl``: a task that is a kernel of OpenCL."""

from .._decorators import needs_compss

opencl = OpenCL = needs_compss("is a kernel of OpenCL")
