"""``@implement``: another implementation of a task; the first one is executed."""

from .._decorators import without_meaning

implement = Implement = without_meaning
