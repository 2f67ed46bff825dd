"""``@constraint``: what a task needs of a machine, which means nothing where there is one."""

from .._decorators import without_meaning

constraint = Constraint = without_meaning
