"""Watches a Python process through the interpreter's audit events and writes its journal file.

In come audit events; out goes one line of journal for each, on disk before the call that is audited
goes on. An event comes before the call, and whether that succeeds is not told: what can't succeed
is left out. Only what Python itself opens is seen, not what C libraries do. The imports are those
that cost nothing at the start of a program. Who knows the tasks of this process finds the watch in
``current`` and joins it (provenance/recording/channel.py), so that both write one file as one process.
"""

# mypy: ignore-errors
# pathlib and typing would cost each program 10 ms.
# ruff: noqa: PTH123

import atexit
import os
import stat
import sys
import time
from _thread import get_ident

from wfprov_audit_command import shown
from wfprov_audit_programs import why_not_watched

try:
    from _json import encode_basestring_ascii as _quoted
except ImportError:  # other implementations of Python
    from json.encoder import py_encode_basestring_ascii as _quoted

FORMAT_VERSION = 1  # as provenance.journal.events has it, which is not on the path here
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_NO_DATA = ("/proc/", "/sys/", "/dev/")
_WRITES = os.O_WRONLY | os.O_RDWR


current = None  # the watch of this process


def start(folder_on_path):
    """Begin to watch this process, when it belongs to a recording."""
    global current  # noqa: PLW0603 - how the recording of tasks finds the watch
    journal = os.environ.get("WFPROV_JOURNAL", "")
    if not journal.startswith("/") or not os.path.isdir(journal):
        return
    watch = current = Watch(journal, folder_on_path)
    sys.addaudithook(watch.hear)
    atexit.register(watch.end)
    os.register_at_fork(after_in_child=watch.forked)


class Watch:
    """What one process has done, and the file that says so.

    Attributes
    ----------
    journal, id, file
        The run folder, the id of this process image, and its file.
    emit
        Appends one line (bytes).
    current_task
        Returns the task that the calling thread is in, 0 for none.
    children_are_watched
        By something else, so that programs that this hook can't follow need no ``gap``.
    """

    children_are_watched = False

    def __init__(self, journal, own_folder):
        self.journal, self._own = journal, own_folder + "/"
        self.current_task = _no_task
        self._run_start = int(os.environ.get("WFPROV_START") or 0)
        self._save_limit = int(os.environ.get("WFPROV_SAVE_LIMIT") or 0)
        self._hearing = set()
        self._lost = self._told = 0
        self._handlers = {
            "open": self._open,
            "os.rename": self._rename,
            "os.remove": self._remove,
            "os.link": self._link,
            "os.symlink": self._symlink,
            "os.truncate": self._truncate,
            "subprocess.Popen": self._subprocess,
            "os.exec": self._execute,
            "os.posix_spawn": self._execute,
            "os.system": self._system,
        }
        self._begin("exec", os.environ.get("WFPROV_PARENT"), os.environ.pop("WFPROV_TASK", None))

    def hear(self, event, arguments):
        """Take an audit event; never raises, as that would stop the program."""
        handler = self._handlers.get(event)
        if handler is None:
            return
        thread = get_ident()
        if thread in self._hearing:
            return  # our own doing
        self._hearing.add(thread)
        try:
            handler(*arguments)
        except (OSError, ValueError, TypeError):
            self._lost += 1
        finally:
            self._hearing.discard(thread)

    def forked(self):
        """Begin the file of a forked child, within the task that forked it."""
        self._hearing = set()
        task = self.current_task()
        self.current_task = _no_task
        self._begin("fork", self.id, f"{self.id}:{task}" if task else None)

    def stop(self):
        """Note the state of what was written, and hear nothing more."""
        self.flush()
        self._handlers = {}

    def flush(self, task=None):
        """Note the state of the files that a task, or all, wrote."""
        self._tell_programs(0)
        if not self._written:
            return
        thread = get_ident()
        was_hearing = thread in self._hearing
        self._hearing.add(thread)
        try:
            for (of, path), before in list(self._written.items()):
                if task is not None and of != task:
                    continue
                now = _state(path)
                if now is not None and now != before:
                    self._event("close", of=of, p=_quoted(path), s=_listed(now))
                self._written.pop((of, path), None)
        finally:
            if not was_hearing:
                self._hearing.discard(thread)

    def end(self):
        """Write what is known when the interpreter ends by itself; its exit status is not."""
        self._hearing.add(get_ident())
        self.flush()
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        figures = {
            "utime": repr(used.ru_utime),
            "stime": repr(used.ru_stime),
            "maxrss": str(used.ru_maxrss * 1024),
        }
        self._event("end", of=0, lost=str(self._lost), **figures)

    def _begin(self, how, parent, task):
        now = time.time_ns()
        host = os.uname().nodename
        safe = "".join(c if (c.isalnum() and c.isascii()) or c in ".-" else "-" for c in host)[:100]
        self.id = f"{safe}-{os.getpid()}-{now:x}"
        self.file = f"{self.journal}/{self.id}.jsonl"
        self.emit = self._append
        self._forget()
        with open("/proc/self/cmdline", "rb") as file:
            argv = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
        known = {"parent": _quoted(parent)} if parent else {}
        if task:
            known["task"] = _quoted(task)
        self._event(
            "process",
            now,
            of=0,
            v=str(FORMAT_VERSION),
            id=_quoted(self.id),
            host=_quoted(host),
            pid=str(os.getpid()),
            ppid=str(os.getppid()),
            how=_quoted(how),
            exe=_quoted(os.readlink("/proc/self/exe")),
            argv="[" + ",".join(map(_quoted, shown(argv))) + "]",
            cwd=_quoted(os.getcwd()),
            **known,
        )
        os.environ["WFPROV_PARENT"] = self.id

    def _forget(self):
        # By task and path, so that a file that two tasks read is told of twice.
        self._read, self._written, self._gaps, self._saves = {}, {}, set(), 0
        self._touched = set()  # paths that this process has opened for writing

    def _event(self, kind, t=None, of=None, **encoded):
        """Append an event of task `of` (that of the thread by default) whose values are JSON already."""
        task = self.current_task() if of is None else of
        if task:
            encoded["task"] = str(task)
        fields = "".join(f',"{name}":{value}' for name, value in encoded.items())
        self.emit(f'{{"e":"{kind}","t":{t or time.time_ns()}{fields}}}\n'.encode("ascii"))

    def _append(self, line):
        """Append a line; the file is opened each time, as programs close what they did not open."""
        try:
            fd = os.open(self.file, _APPEND, 0o600)
        except OSError:
            self._lost += 1
            return
        try:
            os.write(fd, line)
        except OSError:
            self._lost += 1
        finally:
            os.close(fd)

    def _is_data(self, path):
        if path.startswith(_NO_DATA):
            return path.startswith("/dev/shm/")
        return not path.startswith((self._own, self.journal))

    def _open(self, path, mode, flags):
        if isinstance(path, int):
            return
        path = _absolute(path)
        if not self._is_data(path):
            return
        if not flags and isinstance(mode, str) and not set(mode) <= set("rbtU"):
            flags = os.O_RDWR
        found = _state(path)
        if flags & _WRITES:
            self._open_to_write(path, flags, found)
            return
        key = (self.current_task(), path)
        if found is not None and self._read.get(key) != found and os.access(path, os.R_OK):
            self._read[key] = found
            self._event("read", p=_quoted(path), s=_listed(found))

    def _open_to_write(self, path, flags, found):
        if found is None:
            # A folder or a pipe has no state either; a file can only come into being in a folder.
            if (os.path.lexists(path) and not os.path.islink(path)) or not flags & os.O_CREAT:
                return
            if not os.access(os.path.dirname(path) or "/", os.W_OK):
                return
        elif (flags & os.O_EXCL and flags & os.O_CREAT) or not os.access(path, os.W_OK):
            return
        mode = "update"
        if found is None:
            mode = "create"
        elif flags & os.O_TRUNC:
            mode = "truncate"
        elif flags & os.O_APPEND:
            mode = "append"
        if found is not None:
            self._save(path, found)
        both = {"rw": "true"} if flags & os.O_RDWR else {}
        self._event("write", p=_quoted(path), s=_listed(found), mode=f'"{mode}"', **both)
        self._written[(self.current_task(), path)] = found
        self._touched.add(path)

    def _save(self, path, found):
        """Keep the content that an older file had before the run."""
        if path in self._touched or found[1] >= self._run_start or found[0] > self._save_limit:
            return
        self._saves += 1
        name = f"saved/{self.id}-{self._saves}"
        os.makedirs(f"{self.journal}/saved", mode=0o700, exist_ok=True)
        with open(path, "rb") as file:
            content = file.read(self._save_limit + 1)
        with open(f"{self.journal}/{name}", "xb") as file:
            file.write(content)
        self._event("save", **{"p": _quoted(path), "as": _quoted(name), "s": _listed(found)})

    def _rename(self, old, new, old_fd=-1, new_fd=-1):
        old, new = _absolute(old, old_fd), _absolute(new, new_fd)
        if not os.path.lexists(old) or not (self._is_data(old) and self._is_data(new)):
            return
        over = _state(new)
        more = {"dir": "true"} if os.path.isdir(old) else {}
        if over is not None:
            self._save(new, over)
            more["over"] = _listed(over)
        self._event("rename", p=_quoted(old), to=_quoted(new), s=_listed(_state(old)), **more)
        task = self.current_task()
        self._read.pop((task, new), None)
        if (task, old) in self._written:
            self._written[(task, new)] = self._written.pop((task, old))

    def _remove(self, path, fd=-1):
        path = _absolute(path, fd)
        if os.path.lexists(path) and self._is_data(path):
            found = _state(path)
            if found is not None:
                self._save(path, found)
            self._event("delete", p=_quoted(path), s=_listed(found))
            self._written.pop((self.current_task(), path), None)

    def _link(self, old, new, old_fd=-1, new_fd=-1):
        old, new = _absolute(old, old_fd), _absolute(new, new_fd)
        if os.path.lexists(old) and not os.path.lexists(new):
            self._event("link", p=_quoted(old), to=_quoted(new), s=_listed(_state(old)), soft="false")

    def _symlink(self, target, new, fd=-1):
        new = _absolute(new, fd)
        if not os.path.lexists(new):
            target = os.path.join(os.path.dirname(new), os.fsdecode(target))
            target = os.path.normpath(target)
            self._event("link", p=_quoted(target), to=_quoted(new), s=_listed(_state(target)), soft="true")

    def _truncate(self, path, _length):
        if not isinstance(path, int):
            self._open(path, None, os.O_WRONLY)

    def _subprocess(self, executable, arguments, _cwd, env):
        words = [arguments] if isinstance(arguments, (str, bytes)) else list(arguments)
        self._program(executable or words[0], words, env)

    def _execute(self, path, arguments, env):
        self._program(path, list(arguments), env)

    def _system(self, command):
        self._program("/bin/sh", ["sh", "-c", command], None)

    def _tell_programs(self, task):
        """Put the task into the environment of the programs that are started next."""
        if task:
            os.environ["WFPROV_TASK"] = f"{self.id}:{task}"
        elif self._told:
            os.environ.pop("WFPROV_TASK", None)
        self._told = task

    def _program(self, program, words, env):
        """Tell the program its task, or write a gap for one that nobody will watch, once for each."""
        self._tell_programs(self.current_task())
        if self.children_are_watched:
            return
        program = shown([os.fsdecode(program)])[0]
        why = why_not_watched(program, [os.fsdecode(word) for word in words], env)
        if why and (program, why) not in self._gaps:
            self._gaps.add((program, why))
            self._event("gap", what=_quoted(program), why=_quoted(why))


def _no_task():
    return 0


def _state(path):
    """Return ``[size, mtime_ns, inode, device]`` of a regular file; None for anything else."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev]


def _listed(state):
    return "null" if state is None else "[%d,%d,%d,%d]" % tuple(state)


def _absolute(path, fd=-1):
    path = os.fsdecode(path)
    if not path.startswith("/"):
        path = os.path.join(os.getcwd() if fd is None or fd < 0 else os.readlink(f"/proc/self/fd/{fd}"), path)
    if "/../" in path or path.endswith("/.."):
        # What ".." means depends on symbolic links.
        return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return os.path.normpath(path) if "//" in path or "/." in path or path.endswith("/") else path
