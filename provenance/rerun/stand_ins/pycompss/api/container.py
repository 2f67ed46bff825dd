"""``@container``: a task that runs in a container."""

from .._decorators import needs_compss

container = Container = needs_compss("runs in a container image")
