"""What a task is: the user's function, what its decorators say of it, and how an execution of it goes.

In: a function and the options of ``@task``. Out: a :class:`Definition`. The other decorators stand above or below
``@task`` and leave what they say in the function's :class:`Settings`, which both share.
"""

import copy
import inspect
import os
import sys
from typing import Any, Callable, Dict, List, Optional

from ._recording import recorded
from .api.parameter import IN, INOUT, Parameter, declared

_SETTINGS = "_compss_settings"
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type)
_POLICIES = ("RETRY", "CANCEL_SUCCESSORS", "FAIL", "IGNORE")
_ATTEMPTS = 2  # RETRY: once more where it failed; a second machine is not here

Execute = Callable[["Definition", inspect.BoundArguments], Any]


class Settings:
    """What the decorators around ``@task`` say."""

    def __init__(self) -> None:
        self.execute: Optional[Execute] = None  # instead of calling the function
        self.around: List[Callable[[bool], None]] = []  # called with True before the task and False after it
        self.missing: Optional[str] = None  # why the task can't be executed without COMPSs
        self.on_failure: Optional[str] = None
        self.defaults: Dict[str, Any] = {}  # results of a task whose failure is ignored
        self.chunk_size: Optional[int] = None  # of a reduction


def settings_of(function: Callable[..., Any]) -> Settings:
    """Return what the decorators of a function have said so far."""
    found = function.__dict__.get(_SETTINGS)
    if found is None:
        found = function.__dict__[_SETTINGS] = Settings()
    return found if isinstance(found, Settings) else Settings()


class Definition:
    """A task as its decorators define it."""

    def __init__(self, function: Callable[..., Any], options: Dict[str, Any]) -> None:
        self.function = function
        self.settings = settings_of(function)
        self.signature = inspect.signature(function)
        self.name = f"{_module_name(function)}.{function.__qualname__.replace('<locals>.', '')}"
        names = self.signature.parameters
        self._parameters = {name: declared(told) for name, told in options.items() if name in names}
        rest = options.get("varargs_type", options.get("varargsType"))
        for parameter in names.values():
            if parameter.kind is parameter.VAR_POSITIONAL and rest is not None:
                self._parameters[parameter.name] = declared(rest)
        if next(iter(names), None) == "self" and "self" not in self._parameters:
            direction = options.get("target_direction", options.get("targetDirection"))
            self._parameters["self"] = declared(direction) if direction is not None else INOUT
        returns = options.get("returns")
        self.results = len(returns) if isinstance(returns, (list, tuple)) else returns if type(returns) is int else 1
        self._on_failure = options.get("on_failure")
        self._run = recorded(self._execute, function, self.name)

    @property
    def policy(self) -> str:
        """What becomes of the others when the task fails; a decorator above ``@task`` may say so later."""
        told = str(self.settings.on_failure or self._on_failure or "").upper()
        return told if told in _POLICIES else "RETRY"

    def parameter(self, name: str) -> Parameter:
        """Return how the task uses one of its parameters."""
        return self._parameters.get(name, IN)

    def run(self, bound: inspect.BoundArguments) -> Any:
        """Execute the task; what it may only read are copies for it, within the recorded call.

        Raises
        ------
        NotImplementedError
            The task needs COMPSs.
        """
        if self.settings.missing is not None:
            raise NotImplementedError(
                f"{self.name} {self.settings.missing}, which only COMPSs can execute; "
                "install COMPSs so that runcompss is found, and run it again"
            )
        return self._run(*bound.args, **bound.kwargs)

    def _execute(self, *args: Any, **kwargs: Any) -> Any:
        changes_in_place = any(one.is_read and one.is_written for one in self._parameters.values())
        attempts = _ATTEMPTS if self.policy == "RETRY" and not changes_in_place else 1
        while True:
            attempts -= 1
            try:
                return self._execute_once(args, kwargs)
            except Exception:
                if not attempts:
                    raise

    def _execute_once(self, args: Any, kwargs: Any) -> Any:
        bound = self.signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            parameter = self.parameter(name)
            if not parameter.is_written and not parameter.is_path:
                bound.arguments[name] = _copied(value)
            elif parameter.kind == "directory" and not parameter.is_read:
                _make_new(value)
        for around in self.settings.around:
            around(True)
        if self.settings.execute is None:
            result = self.function(*bound.args, **bound.kwargs)
        else:
            bound.apply_defaults()
            result = self.settings.execute(self, bound)
        for around in self.settings.around:
            around(False)
        return result


def _copied(value: Any) -> Any:
    """Return a copy: a task of COMPSs gets its inputs serialised, and changes to them are lost."""
    if isinstance(value, _ATOMS):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - whatever the object's own code raises; it is handed on as it is
        return value


def _make_new(path: Any) -> None:
    """Take an empty directory away: a worker of COMPSs has none yet where a task is to write one."""
    if isinstance(path, str) and os.path.isdir(path) and not os.listdir(path):
        os.rmdir(path)


def _module_name(function: Callable[..., Any]) -> str:
    if function.__module__ != "__main__":
        return function.__module__
    file = getattr(sys.modules.get("__main__"), "__file__", None) or "__main__"
    return os.path.splitext(os.path.basename(file))[0]
