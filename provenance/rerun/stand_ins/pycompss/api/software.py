"""``@software``: a task that a file describes."""

from .._decorators import needs_compss

software = Software = needs_compss("is described by a file for COMPSs")
