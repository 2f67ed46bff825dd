"""COMPSs: from the files that a run leaves behind to a Run.

:func:`provenance.engines.compss.load.load` puts it together; :mod:`.records` has what the readers of the single
files give it.
"""
