"""``@data_transformation``: a task whose data are transformed first."""

from .._decorators import needs_compss

data_transformation = DataTransformation = needs_compss("has its data transformed first")

dt = data_transformation
