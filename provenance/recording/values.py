"""How an argument or a returned value is written down: its type and a bounded text, never the object.

In: any Python object of the user's. Out: a fragment of JSON text, ``"type":...,"value":...`` with ``cut``,
``sha256`` and ``path`` where they apply (:mod:`provenance.journal.events`). Nothing is imported, changed, kept or
consumed, and the ``repr`` of a container is never asked for: it may be slow, huge or have effects.
"""

from __future__ import annotations

import os
import re
import time
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Callable, Dict, List, Optional, Tuple

from provenance.journal.credentials import REMOVED, hide, looks_like_credential

try:
    from _json import encode_basestring_ascii as _quoted  # the C encoder, without json's 7 ms of import
except ImportError:  # an interpreter without it
    from json.encoder import py_encode_basestring_ascii as _quoted

quoted: Callable[[str], str] = _quoted

_SHORTEST_SPOKEN_OF = 13  # characters: the name of a header, a colon, a blank, six more
_LONG_RUN = re.compile(r"[\w-]{15}").search
_SPOKEN_OF = re.compile(r"(?i)bearer|authorization|private key|cookie|-token|-key|machine").search
_OVERLAP = 512  # characters: a credential is looked for across the place where a text is cut
DEFAULT_LIMIT = 1500  # characters of a value

_MOST_ELEMENTS = 1000  # containers above it get a summary of their first elements
_SUMMARY_ELEMENTS = 20
_DEEPEST = 6
_LONGEST_HASHED = 1 << 20  # characters of a text, whose digest costs a few ms at most
_LARGEST_HASHED_BUFFER = 1 << 16  # bytes of an array: 0.1 ms
_SLOW_REPR = 2_000_000  # ns; a type whose repr took longer is not asked again
_LONGEST_INTEGER = 1024  # bits; Python refuses to write the largest as text
_LONGEST_PATH = 4096
_LONGEST_NAME = 255  # characters of a name in a folder

# Distributions whose objects are described by their shape.
_ARRAY_ROOTS = frozenset(
    [
        "numpy",
        "pandas",
        "polars",
        "torch",
        "tensorflow",
        "jax",
        "jaxlib",
        "cupy",
        "xarray",
        "dask",
        "scipy",
        "pyarrow",
        "sparse",
        "zarr",
        "h5py",
    ]
)


def removed() -> str:
    """Return the fragment that stands in the place of a credential."""
    return f'"type":"str","value":"{REMOVED}"'


def fragment(value: Any, limit: int = DEFAULT_LIMIT) -> str:
    """Return the JSON fragment that describes ``value``, with texts cut at ``limit`` characters.

    Never raises an :class:`Exception`.
    """
    kind = type(value)
    simple = _SIMPLE.get(kind)
    try:
        if simple is not None:
            return simple(value, limit)
        return _described(value, kind, limit)
    except Exception as error:  # noqa: BLE001 - whatever a user's object does in its methods
        return f'"type":{quoted(type_name(kind))},"value":{quoted(_unreadable(kind, error))}'


def type_name(kind: type) -> str:
    """Return the qualified name of a type; of a built-in one without its module."""
    try:
        module, name = kind.__module__, kind.__qualname__
    except Exception:  # noqa: BLE001 - a metaclass may do anything
        return "object"
    if not isinstance(module, str) or module == "builtins":
        return str(name)
    return f"{module}.{name}"


def existing_path(text: str) -> Optional[str]:
    """Return the absolute path of the file or folder that ``text`` names now; None when it names none."""
    if not text or len(text) > _LONGEST_PATH:
        return None
    try:
        return absolute(text) if os.access(text, os.F_OK) else None
    except (ValueError, OSError):  # a NUL byte, characters that no file name has, a deleted working folder
        return None


def absolute(path: str) -> str:
    """Return ``path`` as an absolute one, written as the shim writes it.

    Double slashes and ``.`` are taken out; ``..`` is resolved by the file system, as it may follow a symbolic link.
    """
    if path[0] != "/":
        path = os.getcwd() + "/" + path
    if "//" not in path and "/." not in path and path[-1] != "/":
        return path
    parts: List[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = os.path.dirname(os.path.realpath("/" + "/".join(parts))).split("/")[1:]
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(part for part in parts if part)


# ---- simple values: the ones that most calls have


def _none(value: None, limit: int) -> str:
    return '"type":"NoneType","value":null'


def _boolean(value: bool, limit: int) -> str:
    return '"type":"bool","value":true' if value else '"type":"bool","value":false'


def _integer(value: int, limit: int) -> str:
    if -(1 << 53) < value < 1 << 53:
        return '"type":"int","value":%d' % value
    # Beyond what a double holds exactly many readers of JSON lose digits: write it as text.
    if value.bit_length() > _LONGEST_INTEGER:
        return f'"type":"int","value":"integer of {value.bit_length()} bits"'
    return '"type":"int","value":"%d"' % value


def _real(value: float, limit: int) -> str:
    if value - value == 0:  # neither infinite nor not a number
        return f'"type":"float","value":{value!r}'
    return f'"type":"float","value":"{value!r}"'


def _may_hold_credential(text: str) -> bool:
    # Nothing has the form of a credential without a long run of characters, an address or two words.
    if len(text) < _SHORTEST_SPOKEN_OF:
        return "://" in text
    return bool("://" in text or _LONG_RUN(text) or (" " in text and _SPOKEN_OF(text)))


def _without_credentials(text: str) -> str:
    return hide(text) if _may_hold_credential(text) else text


def _string(value: str, limit: int) -> str:
    if len(value) > limit:
        written, text = "", '"type":"str",' + _cut(value, limit)
    elif _may_hold_credential(value) and (shown := hide(value)) != value:
        return '"type":"str","value":' + quoted(shown)
    else:
        written = quoted(value)
        text = '"type":"str","value":' + written
    # Asking the file system costs 1 us. Words with blanks between them, without a slash or a dot, are hardly ever a
    # path; where they are and the task uses the file, the reader of the journal finds it by its name.
    if "/" not in value and "." not in value and (" " in value or "\n" in value or len(value) > _LONGEST_NAME):
        return text
    path = existing_path(value)
    if path is None:
        return text
    return f'{text},"path":{written if written and path == value else quoted(path)}'


def _bytes(value: bytes, limit: int) -> str:
    if len(value) <= limit:
        return f'"type":"bytes",{_bounded(repr(value), limit)}'
    head = _without_credentials(repr(value[: limit + _OVERLAP]))
    digest = f',"sha256":"{_sha256(value)}"' if len(value) <= _LONGEST_HASHED else ""
    return f'"type":"bytes","value":{quoted(head[:limit])},"cut":{len(value)}{digest}'


_SIMPLE: Dict[type, Callable[[Any, int], str]] = {
    type(None): _none,
    bool: _boolean,
    int: _integer,
    float: _real,
    str: _string,
    bytes: _bytes,
}

_PLAIN: Tuple[Tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (str, lambda value: str.__getitem__(value, slice(None))),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
)


def _cut(text: str, limit: int) -> str:
    shown = _without_credentials(text[: limit + _OVERLAP])[:limit]
    fields = f'"value":{quoted(shown)},"cut":{len(text)}'
    if len(text) <= _LONGEST_HASHED:
        fields += f',"sha256":"{_sha256(text.encode("utf-8", "surrogatepass"))}"'
    return fields


def _bounded(text: str, limit: int) -> str:
    return f'"value":{quoted(_without_credentials(text))}' if len(text) <= limit else _cut(text, limit)


def _sha256(data: Any) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


# ---- everything else


def _described(value: Any, kind: type, limit: int) -> str:
    name = type_name(kind)
    head = f'"type":{quoted(name)},'
    root = name.partition(".")[0]
    if root in _ARRAY_ROOTS:
        found = _array(value, kind, root, limit)
        if found is not None:
            return head + found
    # Questions go to the type: an object's own __class__ or __getattr__ may be a proxy's that does work.
    if hasattr(kind, "__fspath__"):
        text = os.fspath(value)
        text = os.fsdecode(text) if isinstance(text, bytes) else text
        path = existing_path(text)
        return head + _bounded(text, limit) + ("" if path is None else f',"path":{quoted(path)}')
    if not hasattr(kind, "_value2member_map_"):
        # A subclass, such as numpy.float64: its value by the base's own rule.
        for base, plain in _PLAIN:
            if issubclass(kind, base):
                return head + _SIMPLE[base](plain(value), limit).partition(",")[2]
    return head + _bounded(text_of(value, limit), limit)


def _array(value: Any, kind: type, root: str, limit: int) -> Optional[str]:
    shape = getattr(value, "shape", None)
    if shape is None:
        return None
    dtype = getattr(value, "dtype", None)
    if root == "numpy" and shape == () and kind.__name__ != "ndarray":  # a NumPy scalar
        item = value.item()
        if type(item) in (bool, int, float, str):
            return _SIMPLE[type(item)](item, limit).partition(",")[2]
        return _bounded(str(value), limit)
    words = [kind.__name__]
    if dtype is not None:
        words.append(str(dtype)[:200])
    words.append(str(tuple(shape) if isinstance(shape, (tuple, list)) else shape)[:200])
    if root in ("pandas", "polars") and dtype is None:
        columns = [str(column)[:100] for column in list(value.columns[:_SUMMARY_ELEMENTS])]
        more = ", ..." if len(value.columns) > len(columns) else ""
        words.append("columns " + ", ".join(columns) + more)
    is_ndarray = root == "numpy" and kind.__name__ == "ndarray" and not dtype.hasobject  # type: ignore[union-attr]
    if is_ndarray and 0 < value.size <= _SUMMARY_ELEMENTS and dtype.kind in "biufcSU":  # type: ignore[union-attr]
        words.append(repr(value.tolist()))
    fields = _bounded(" ".join(words), limit)
    if is_ndarray and value.nbytes <= _LARGEST_HASHED_BUFFER and '"sha256"' not in fields:
        fields += f',"sha256":"{_sha256(value.tobytes())}"'
    return fields


def text_of(value: Any, limit: int = DEFAULT_LIMIT) -> str:
    """Return a text for ``value`` that is not much longer than needed to fill ``limit`` characters."""
    writer = _Writer(max(4 * limit, 4096))
    writer.put(value, 0)
    return "".join(writer.parts)


class _Writer:
    """Writes a nested value as text until its room is used up."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.parts: List[str] = []
        self._within: List[int] = []

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.room -= len(text)

    def put(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind in (bool, float, complex, type(None)):
            self.add(repr(value))
        elif kind is int:
            long = value.bit_length() > _LONGEST_INTEGER
            self.add(f"<integer of {value.bit_length()} bits>" if long else repr(value))
        elif kind in (str, bytes):
            room = max(self.room, 0)
            self.add(repr(value) if len(value) <= room else repr(value[:room]) + "...")
        elif depth > _DEEPEST or self.room <= 0:
            self.add("...")
        elif id(value) in self._within:
            self.add("<itself>")
        else:
            self._within.append(id(value))
            self._put_compound(value, kind, depth)
            self._within.pop()

    def _put_compound(self, value: Any, kind: type, depth: int) -> None:
        fields = getattr(kind, "_fields", None)
        if issubclass(kind, tuple) and isinstance(fields, tuple):  # a named tuple
            pairs = list(zip(fields, tuple.__iter__(value)))  # noqa: B905 - Python 3.8
            self._put_named(kind, pairs, depth)
        elif kind in _BRACKETS:
            self._put_elements(value, kind, depth)
        elif issubclass(kind, dict):
            if kind is not dict:
                self.add(kind.__name__ + " ")
            self._put_dict(value, depth)
        elif hasattr(kind, "__dataclass_fields__"):
            state = object.__getattribute__(value, "__dict__") if kind.__dictoffset__ else {}
            pairs = [
                (name, state[name] if name in state else getattr(value, name, None))
                for name, field in kind.__dataclass_fields__.items()
                if field.repr and field._field_type.name == "_FIELD"
            ]
            self._put_named(kind, pairs, depth)
        else:
            self.add(_plain(value, kind))

    def _put_elements(self, value: Any, kind: type, depth: int) -> None:
        opening, closing = _BRACKETS[kind]
        size = len(value)
        most = size
        if size > _MOST_ELEMENTS:
            most = _SUMMARY_ELEMENTS
            self.add(f"{kind.__name__} of {size} ")
        self.add(opening)
        for count, element in enumerate(value):
            if count:
                self.add(", ")
            if count >= most or self.room <= 0:
                self.add("...")
                break
            self.put(element, depth + 1)
        self.add(closing)

    def _put_dict(self, value: Dict[Any, Any], depth: int) -> None:
        size = len(value)
        most = size
        if size > _MOST_ELEMENTS:
            most = _SUMMARY_ELEMENTS
            self.add(f"dict of {size} ")
        self.add("{")
        for count, (key, element) in enumerate(dict.items(value)):
            if count:
                self.add(", ")
            if count >= most or self.room <= 0:
                self.add("...")
                break
            self.put(key, depth + 1)
            self.add(": ")
            self._put_unless_credential(key, element, depth)
        self.add("}")

    def _put_named(self, kind: type, pairs: List[Tuple[str, Any]], depth: int) -> None:
        self.add(kind.__name__ + "(")
        for count, (name, element) in enumerate(pairs):
            if count:
                self.add(", ")
            if self.room <= 0:
                self.add("...")
                break
            self.add(name + "=")
            self._put_unless_credential(name, element, depth)
        self.add(")")

    def _put_unless_credential(self, name: Any, element: Any, depth: int) -> None:
        if type(name) is str and looks_like_credential(name) and element is not None:
            self.add(REMOVED)
        else:
            self.put(element, depth + 1)


_BRACKETS: Dict[type, Tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
_slow_types: Dict[int, str] = {}  # id -> name of types whose repr took too long


def _plain(value: Any, kind: type) -> str:  # noqa: PLR0911 - one for each sort of object
    """Text for an object that is no plain container."""
    name = type_name(kind)
    if issubclass(kind, type):
        return type_name(value)
    if kind is ModuleType:
        return str(value.__name__)
    if kind in (FunctionType, BuiltinFunctionType, MethodType):
        return f"{getattr(value, '__module__', None) or 'builtins'}.{value.__qualname__}"
    if issubclass(kind, partial):
        return f"functools.partial of {_plain(value.func, type(value.func))}"
    root = name.partition(".")[0]
    if root in _ARRAY_ROOTS and hasattr(value, "shape"):
        dtype = getattr(value, "dtype", "")
        return f"<{kind.__name__} {str(dtype)[:50]} {str(value.shape)[:100]}>"
    if kind.__repr__ is object.__repr__:
        return f"<{name}>"
    is_container = hasattr(kind, "__len__") or hasattr(kind, "__iter__")
    if is_container or _slow_types.get(id(kind)) == name:
        return f"<{name}>"
    start = time.perf_counter_ns()
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a user's method
        return _unreadable(kind, error)
    if time.perf_counter_ns() - start > _SLOW_REPR and len(_slow_types) < 10_000:
        _slow_types[id(kind)] = name
    return _ADDRESS.sub("", text)


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+(?=>)")  # differs from run to run


def _unreadable(kind: type, error: BaseException) -> str:
    return f"<{type_name(kind)}, whose text can't be had: {type(error).__name__}>"


def error_text(error: BaseException, limit: int = DEFAULT_LIMIT) -> str:
    """Return ``Type: message`` of an exception, cut at ``limit`` characters."""
    name = type_name(type(error))
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a user's method
        message = "(its message can't be had)"
    text = f"{name}: {_without_credentials(message[: limit + _OVERLAP])}" if message else name
    return text if len(text) <= limit else text[:limit] + "..."
