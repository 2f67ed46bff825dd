"""Recording: starts a command under watch, runs inside users' processes, writes a journal.

Everything here runs on Python 3.8 with the standard library alone and is imported piece by piece,
as users wait for it: :mod:`~provenance.recording.launch` starts commands,
:mod:`~provenance.recording.tasks` is what users call, ``shim.c`` and ``audit/`` watch processes
from the inside.
"""
