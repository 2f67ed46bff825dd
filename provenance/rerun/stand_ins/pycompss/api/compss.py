"""``@compss``: a task that is an application of COMPSs itself."""

from .._decorators import needs_compss

compss = COMPSs = needs_compss("is an application of COMPSs")
