"""The kinds of event in a journal, field by field: the contract between recording and all that reads.

A journal is a folder ``.wfprov/<run id>/`` with JSON Lines files: ``run.jsonl`` from the launcher, and those of
the processes. Programs under the shim share two files a host, ``<host>-<boot>.jsonl`` and
``<host>-<boot>.mapped.jsonl`` (a process begins in the first and goes on in the second); other writers have one file
a process image, ``<host>-<pid>-<start>.jsonl``. In a shared file every event names its process image in ``i``; an
event without ``i`` belongs to the last ``process`` event before it in its file. Each line is a JSON object. The
events of one image are to be put in the order of their times. ``e`` is the kind of event and ``t`` its time: integer
nanoseconds since 1970-01-01T00:00:00Z.
Paths are absolute, resolved at the moment of the call; bytes that are not UTF-8 are lone surrogates
(``\\udc80``..), as :func:`os.fsdecode` makes them. A *state* ``[size, mtime_ns, inode, device]`` pins content:
bytes, nanoseconds, and two integers. ``run`` and ``process`` events carry ``v``, the version of the format.
Readers pass over kinds and fields that they do not know, NUL bytes (room reserved by a killed process), and
lines that are cut off.

run.jsonl
    run          v id t command[] cwd user host pid version trace save_limit python? name? info? program?
                 stdout stderr: {kind: file|pipe|terminal|null|other, path?, offset?} (offset: bytes at the start)
    environment  t section data: what was found out about the surroundings; a section may come in several events,
                 later keys win
    gap          t what why path? pid?: something that could not be seen
    sample       t host cpu memory processes max_cpu? mean_memory?: what all processes of the run used on this host:
                 CPU seconds since the sample before (since the start for the first), resident bytes now, and how
                 many there were. When it stands for several looks, memory is the most that was seen, mean_memory the
                 mean, and max_cpu the processors kept busy between the busiest two. The last one, at the end of the
                 command, has no processes
    end          t status? signal? utime stime maxrss (seconds, seconds, bytes; of the whole command)
                 stdout stderr: {kind, path?, offset?} at the end

examined.jsonl
    environment, gap: as above; what was found out about the software when the run was first packed

the files of processes
    process      v id t host pid ppid parent? how exe argv? cwd task?
                 how: exec (a program was started), fork (a copy of `parent`), python (code without the launcher)
                 parent: id of the process image that forked or executed this one; with the same pid, this image
                 took its place (a shell's `exec`, or the second half of fork and exec)
                 task: global id of the task within which it was started
    read         t p s task?: opened for reading; s is the state then
    write        t p s mode task?: opened for writing; s is the state before, null for a new file;
                 mode: create | truncate | append | update (in place, old content still there) | inherited (standard
                 output or error, opened by another process and written to by this one)
                 rw: true when it was opened for reading too. What was opened with append or update and has no
                 `close` after it was left as it was, unless the process was killed
    close        t p s task?: the state after writing; may come again for later writing
    rename       t p to s over? task? dir? exchange?: s the state moved, over the state replaced; dir: a folder, all
                 below it moves along; exchange: both change places
    link         t p to s soft task?: `to` is made and points to `p` (for a symbolic link: its text made absolute)
    delete       t p s task?
    save         t p as s: content from before the run was kept as file `as` (relative to the run folder)
    wait         t pid status? signal? utime stime maxrss: a child has ended
    libraries    t paths[] task?: shared objects that are loaded into the process, as the loader names them; told at
                 its end, of a fork only when there are others than in its parent
    unwatched    t pid exe argv cwd why task?: a program was started that can't be watched
                 why: static | setuid | architecture | unreadable | container
    tool         t id name module file line end_line doc params[]: a function that becomes tasks
    task         t id tool args[] parent? tid?: a call begins; its global id is "<process id>:<id>"
                 tid: the thread that it runs in from start to end, where accesses are told by thread alone
    done         t id status: completed|failed  value? error? paths? utime? stime? (seconds, of the thread)
                 paths: argument name -> absolute path, of arguments that name a file only since the call
    edge         t task from arg: the value of task `from` (global id) was passed to local task `task` as `arg`
    end          t status utime stime maxrss lost io?: the process ended by itself; lost counts events not written;
                 io: [bytes read, bytes written] through system calls of any kind, by the process since it began (also
                 as another program, before exec) and by the children that it waited for; a program that used less
                 than 0.5 ms of a processor does not say it
    gap          as above

A recorded value (in ``args`` and ``value``) is
    {"name", "type", "value": JSON scalar or text, "cut"?: full length, "sha256"?: of the full text,
     "path"?: absolute path when the value names an existing file or directory}
An event with ``pid`` other than ``wait`` and ``unwatched`` was made by a child between vfork and exec: it belongs to
the program that the process with this pid becomes.
``task`` in an access is the local integer id of the task that made it, absent outside of tasks.
"""

from __future__ import annotations

from typing import Any, Dict

FORMAT_VERSION = 1
RUN_FILE = "run.jsonl"
EXAMINED_FILE = "examined.jsonl"  # `environment` and `gap` events that the first packing found out
SAVED_FOLDER = "saved"
STRACE_FILE_PREFIX = "strace."

# The environment variables that carry a recording into child processes.
ENV_JOURNAL = "WFPROV_JOURNAL"  # absolute path of the run folder
ENV_SAVE_LIMIT = "WFPROV_SAVE_LIMIT"  # bytes; larger files are not saved before they are overwritten
ENV_START = "WFPROV_START"  # ns since the epoch: what is older existed before the run
ENV_PARENT = "WFPROV_PARENT"  # id of the process image that starts the next one
ENV_TASK = "WFPROV_TASK"  # global id of the task within which a process is started
ENV_HOST = "WFPROV_HOST"  # "<host>:<boot>", told to children so that they need not ask
ENV_SHIM = "WFPROV_SHIM"  # absolute path of the shim, to be put back into a dropped environment

Event = Dict[str, Any]
