"""Starts the watch of a Python process from the inside, where neither the shim nor strace works.

Python imports this file at its start when its folder comes first on PYTHONPATH; whatever other
``sitecustomize`` there is runs after it. Nothing is imported here that the interpreter has not
loaded already or holds built in. Pythons before 3.8 run it as well and go unwatched.
"""

# mypy: ignore-errors

import sys

_FOLDER = __file__.rpartition("/")[0]
_THIS = sys.modules["sitecustomize"]


def _watch():
    if not hasattr(sys, "addaudithook"):
        return
    import wfprov_audit

    wfprov_audit.start(_FOLDER)


def _run_other():
    """Run the ``sitecustomize`` that this one stands in front of, if there is one."""
    del sys.modules["sitecustomize"]
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = _THIS


try:
    _watch()
finally:
    sys.path[:] = [entry for entry in sys.path if entry.rstrip("/") != _FOLDER]
    sys.path_importer_cache.pop(_FOLDER, None)
_run_other()
