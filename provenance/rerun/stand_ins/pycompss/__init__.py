"""A stand-in of PyCOMPSs' API, for applications of COMPSs that run where COMPSs is not installed.

Tasks are executed one after the other, in this process, where they are called; each is a task of the run when one is
being recorded. An installed PyCOMPSs always takes precedence: then this package hands over to it and is gone.

Python 3.8 and the standard library only: this is imported by users' programs.
"""

import importlib.machinery
import importlib.util
import os
import sys

IS_STAND_IN = True


def _hand_over() -> None:
    """Put an installed PyCOMPSs into the place of this package."""
    here = os.path.realpath(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    others = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != here]
    spec = importlib.machinery.PathFinder.find_spec("pycompss", others)
    if spec is None or spec.loader is None:
        return
    sys.modules["pycompss"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_hand_over()
