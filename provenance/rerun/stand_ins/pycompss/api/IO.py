"""``@IO``: a task that only reads and writes, which means nothing where one runs at a time."""

from .._decorators import without_meaning

IO = without_meaning
