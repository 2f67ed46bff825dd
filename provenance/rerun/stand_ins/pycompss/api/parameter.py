"""What ``@task`` is told of a parameter: direction, kind, stream, prefix.

A parameter is a constant (``FILE_OUT``), or a dictionary with the keys below (``{Type: FILE_IN, Prefix: "--in="}``).
"""

from typing import Any, Mapping, NamedTuple, Optional

# Keys of the dictionaries.
Type = "type"
Direction = "direction"
StdIOStream = "stdio_stream"
Prefix = "prefix"
Depth = "depth"
Weight = "weight"
Keep_rename = "keep_rename"
Cache = "cache"
TYPE, DIRECTION, STDIOSTREAM, PREFIX, DEPTH = Type, Direction, StdIOStream, Prefix, Depth
WEIGHT, KEEP_RENAME, CACHE = Weight, Keep_rename, Cache

STDIN, STDOUT, STDERR = "stdin", "stdout", "stderr"


class Parameter(NamedTuple):
    """How a task uses one of its parameters."""

    direction: str = "IN"  # IN | OUT | INOUT | CONCURRENT | COMMUTATIVE | IN_DELETE
    kind: str = "object"  # object | file | directory | collection | dictionary | stream
    holds_files: bool = False  # a collection of paths
    stream: Optional[str] = None  # stdin | stdout | stderr, for programs
    prefix: Optional[str] = None  # before the value on a program's command line

    @property
    def is_path(self) -> bool:
        """Whether the value is the path of a file or directory, or a collection of such."""
        return self.kind in ("file", "directory") or self.holds_files

    @property
    def is_read(self) -> bool:
        """Whether the task sees what was there before."""
        return self.direction != "OUT"

    @property
    def is_written(self) -> bool:
        """Whether what the task does to it is seen after."""
        return self.direction not in ("IN", "IN_DELETE")


def declared(told: Any) -> Parameter:
    """Return the parameter that ``@task`` was told of in any of the forms that PyCOMPSs takes."""
    if isinstance(told, Parameter):
        return told
    if not isinstance(told, Mapping):
        return IN  # a type of the language, which says nothing of the direction
    found = {str(key).lower(): value for key, value in told.items()}
    parameter = declared(found[Type]) if Type in found else IN
    direction, stream = found.get(Direction), found.get(StdIOStream)
    if isinstance(direction, Parameter):
        parameter = parameter._replace(direction=direction.direction)
    if stream is not None:
        parameter = parameter._replace(stream=str(stream))
    if found.get(Prefix) is not None:
        parameter = parameter._replace(prefix=str(found[Prefix]))
    return parameter


IN = Parameter()
OUT = Parameter("OUT")
INOUT = Parameter("INOUT")
CONCURRENT = Parameter("CONCURRENT")
COMMUTATIVE = Parameter("COMMUTATIVE")
IN_DELETE = Parameter("IN_DELETE")

# Types of values, which matter to the runtime only.
BOOLEAN = CHAR = BYTE = SHORT = INT = LONG = FLOAT = DOUBLE = STRING = STRING_64 = OBJECT = PSCO = EXTERNAL_PSCO = IN

FILE = FILE_IN = Parameter("IN", "file")
FILE_OUT = Parameter("OUT", "file")
FILE_INOUT = Parameter("INOUT", "file")
FILE_CONCURRENT = Parameter("CONCURRENT", "file")
FILE_COMMUTATIVE = Parameter("COMMUTATIVE", "file")
FILE_IN_DELETE = Parameter("IN_DELETE", "file")

FILE_STDIN = FILE_IN_STDIN = Parameter("IN", "file", stream=STDIN)
FILE_STDOUT = FILE_OUT_STDOUT = Parameter("OUT", "file", stream=STDOUT)
FILE_STDERR = FILE_OUT_STDERR = Parameter("OUT", "file", stream=STDERR)
FILE_IN_STDOUT = Parameter("IN", "file", stream=STDOUT)
FILE_IN_STDERR = Parameter("IN", "file", stream=STDERR)
FILE_OUT_STDIN = Parameter("OUT", "file", stream=STDIN)
FILE_INOUT_STDIN = Parameter("INOUT", "file", stream=STDIN)
FILE_INOUT_STDOUT = Parameter("INOUT", "file", stream=STDOUT)
FILE_INOUT_STDERR = Parameter("INOUT", "file", stream=STDERR)
FILE_CONCURRENT_STDOUT = Parameter("CONCURRENT", "file", stream=STDOUT)
FILE_CONCURRENT_STDERR = Parameter("CONCURRENT", "file", stream=STDERR)
FILE_COMMUTATIVE_STDOUT = Parameter("COMMUTATIVE", "file", stream=STDOUT)
FILE_COMMUTATIVE_STDERR = Parameter("COMMUTATIVE", "file", stream=STDERR)

DIRECTORY = DIRECTORY_IN = Parameter("IN", "directory")
DIRECTORY_OUT = Parameter("OUT", "directory")
DIRECTORY_INOUT = Parameter("INOUT", "directory")

COLLECTION = COLLECTION_IN = Parameter("IN", "collection")
COLLECTION_OUT = Parameter("OUT", "collection")
COLLECTION_INOUT = Parameter("INOUT", "collection")
COLLECTION_IN_DELETE = Parameter("IN_DELETE", "collection")
COLLECTION_FILE = COLLECTION_FILE_IN = Parameter("IN", "collection", holds_files=True)
COLLECTION_FILE_OUT = Parameter("OUT", "collection", holds_files=True)
COLLECTION_FILE_INOUT = Parameter("INOUT", "collection", holds_files=True)

DICTIONARY = DICTIONARY_IN = Parameter("IN", "dictionary")
DICTIONARY_OUT = Parameter("OUT", "dictionary")
DICTIONARY_INOUT = Parameter("INOUT", "dictionary")
DICTIONARY_IN_DELETE = Parameter("IN_DELETE", "dictionary")

STREAM_IN = Parameter("IN", "stream")
STREAM_OUT = Parameter("OUT", "stream")
