"""``@julia``: a task in Julia."""

from .._decorators import needs_compss

julia = Julia = needs_compss("is written in Julia")
