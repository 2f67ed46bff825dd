"""Makes the calls of a stand-in's tasks those of the recorded run.

In: a function that executes a task, and the user's function that it stands for. Out: a function that does the same,
and is a task of the run when one is being recorded.
"""

import importlib.util
import os
import sys
from typing import Any, Callable, Optional

_JOURNAL = "WFPROV_JOURNAL"  # provenance.journal.events.ENV_JOURNAL, known before that can be imported
_PACKAGE = "provenance"
_FOLDER = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def recorded(execute: Callable[..., Any], function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return ``execute`` as a task that is described as ``function`` and called ``name``."""
    tasks = _tasks() if _JOURNAL in os.environ else None
    if tasks is None:
        return execute
    found: Callable[..., Any] = tasks.stand_in(execute, function, name)
    return found


def _tasks() -> Optional[Any]:
    """Return our module of tasks, which the Python of the run need not have installed."""
    known = sys.modules.get(_PACKAGE)
    if known is None:
        if not os.path.isfile(os.path.join(_FOLDER, "__init__.py")):
            return None
        spec = importlib.util.spec_from_file_location(
            _PACKAGE, os.path.join(_FOLDER, "__init__.py"), submodule_search_locations=[_FOLDER]
        )
        if spec is None or spec.loader is None:
            return None
        sys.modules[_PACKAGE] = known = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(known)
    if os.path.realpath(os.path.dirname(getattr(known, "__file__", None) or "")) != os.path.realpath(_FOLDER):
        return None  # another package of that name, e.g. COMPSs' own
    from importlib import import_module

    return import_module(f"{_PACKAGE}.recording.tasks")
