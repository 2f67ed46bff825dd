"""``@mpi``: a task that starts an MPI program; tasks of MPI in Python need COMPSs."""

import os
import shlex
from typing import Any, List

from .._decorators import needs_compss
from .._programs import starts_program


def mpi(*_: Any, **options: Any) -> Any:
    """Start the program by its runner, with as many processes as the application says."""
    if not options.get("binary"):
        return needs_compss("is an MPI program within Python")(**options)

    def launcher() -> List[str]:
        told = options.get("processes", options.get("computing_nodes", options.get("computingNodes", 1)))
        processes = os.path.expandvars(str(told))
        if not processes.isdecimal() and processes in os.environ:
            processes = os.environ[processes]
        if not processes.isdecimal():
            raise RuntimeError(f"@mpi({options['binary']}): {told} is no number of processes; set the variable")
        flags = shlex.split(os.path.expandvars(str(options.get("flags") or "")))
        return [os.path.expandvars(str(options.get("runner", "mpirun"))), "-n", processes, *flags]

    return starts_program(options, launcher)


Mpi = MPI = mpi
