"""``@http``: a task that calls a service."""

from .._decorators import needs_compss

http = HTTP = needs_compss("calls a service")
