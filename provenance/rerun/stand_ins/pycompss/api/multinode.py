"""``@multinode``: a task that is given several nodes; here it is given this one."""

import os
import socket
from typing import Any, Callable

from .._definition import settings_of

Function = Callable[..., Any]


def multinode(*_: Any, **__: Any) -> Callable[[Function], Function]:
    """Tell the task of the nodes that it has, by the variables that COMPSs sets."""

    def decorate(function: Function) -> Function:
        settings_of(function).around.append(_tell)
        return function

    return decorate


def _tell(is_before: bool) -> None:
    if is_before:
        os.environ.update(COMPSS_NUM_NODES="1", COMPSS_HOSTNAMES=socket.gethostname())
        os.environ.setdefault("COMPSS_NUM_THREADS", "1")


Multinode = multinode
