"""``@decaf``: a task of Decaf."""

from .._decorators import needs_compss

decaf = Decaf = needs_compss("is executed by Decaf")
