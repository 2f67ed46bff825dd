"""The functions that a main program calls: all tasks have ended already when they are."""

import os
import shutil
from typing import IO, Any, List, Optional, Union

from .._calls import Canceled, Group, groups, known_groups


def compss_start(*_: Any, **__: Any) -> None:
    """Do nothing: there is no runtime to start."""


def compss_stop(*_: Any, **__: Any) -> None:
    """Do nothing: there is no runtime to stop."""


def compss_file_exists(*names: str) -> Union[bool, List[bool]]:
    """Tell whether files exist."""
    return _one_or_all([os.path.exists(name) for name in names])


def compss_open(file_name: str, mode: str = "r") -> IO[Any]:
    """Open a file."""
    return open(file_name, mode)


def compss_delete_file(*names: str) -> Union[bool, List[bool]]:
    """Delete files."""
    return _one_or_all([_deleted(name) for name in names])


def _deleted(name: str) -> bool:
    try:
        if os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)
        else:
            os.remove(name)
    except OSError:
        return False
    return True


def compss_delete_object(*objects: Any) -> Union[bool, List[bool]]:
    """Say that objects are deleted; Python does it."""
    return _one_or_all([True for _ in objects])


def compss_wait_on_file(*names: str) -> Union[bool, List[bool]]:
    """Tell whether files are there."""
    return _one_or_all([os.path.exists(name) for name in names])


def compss_wait_on_directory(*names: str) -> Union[bool, List[bool]]:
    """Tell whether directories are there."""
    return _one_or_all([os.path.isdir(name) for name in names])


def compss_wait_on(*objects: Any, **_: Any) -> Any:
    """Return the objects; None for the results of tasks that were canceled."""
    found = [_value(each) for each in objects]
    return found[0] if len(found) == 1 else found


def _value(found: Any) -> Any:
    if isinstance(found, Canceled):
        return None
    if type(found) is list:
        for index, each in enumerate(found):
            if isinstance(each, (Canceled, list, dict)):
                found[index] = _value(each)
    elif type(found) is dict:
        for key, each in found.items():
            if isinstance(each, (Canceled, list, dict)):
                found[key] = _value(each)
    return found


def compss_barrier(no_more_tasks: bool = False) -> None:
    """Do nothing: all tasks have ended."""


def compss_barrier_group(group_name: str) -> None:
    """Raise what a task of the group raised to cancel it."""
    group = known_groups.get(group_name)
    if group is not None and group.error is not None:
        error, group.error = group.error, None
        raise error


def compss_cancel_group(group_name: str) -> None:
    """Do nothing: the tasks of the group have ended."""


def compss_snapshot() -> None:
    """Do nothing: there are no checkpoints."""


def compss_get_number_of_resources() -> int:
    """Return 1, this machine."""
    return 1


def compss_request_resources(num_resources: int, group_name: Optional[str] = None) -> None:
    """Do nothing: there is one machine."""


def compss_free_resources(num_resources: int, group_name: Optional[str] = None) -> None:
    """Do nothing: there is one machine."""


def compss_set_wall_clock(wall_clock_limit: int) -> None:
    """Do nothing: there is no limit."""


def compss_add_logger(logger_name: str) -> None:
    """Do nothing: loggers are the application's."""


def set_wall_clock(wall_clock_limit: int) -> None:
    """Do nothing: there is no limit."""


class TaskGroup:
    """The tasks that are called within the context; what cancels them comes out at its end, or at their barrier."""

    def __init__(self, group_name: str, implicit_barrier: bool = True) -> None:
        self.group_name = group_name
        self.implicit_barrier = implicit_barrier

    def __enter__(self) -> None:
        group = known_groups[self.group_name] = Group(self.group_name)
        groups.append(group)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        groups.pop()
        if kind is None and self.implicit_barrier:
            compss_barrier_group(self.group_name)


def _one_or_all(found: List[bool]) -> Union[bool, List[bool]]:
    return found[0] if len(found) == 1 else found
