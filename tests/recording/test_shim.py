"""The libc shim under real programs: what it sees, what it leaves alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recording.shimmed import COMPILER, PROGRAMS, Watched, compile_shim, watch

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
PYTHON = sys.executable


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_shim(tmp_path_factory.mktemp("shim") / "shim.so")


def build(source: Path, target: Path, *flags: str) -> Path:
    subprocess.run([str(COMPILER), "-o", str(target), str(source), *flags], check=True)
    return target


def python(shim: Path, place: Path, code: str, **more: object) -> Watched:
    return watch(shim, place, [PYTHON, "-S", "-c", code], **more)  # type: ignore[arg-type]


def test_every_way_of_c_to_touch_a_file_is_seen(shim: Path, tmp_path: Path) -> None:
    program = build(PROGRAMS / "touch_files.c", tmp_path / "touch", "-O2", "-D_FORTIFY_SOURCE=2", "-lpthread")
    (tmp_path / "work").mkdir()
    for name in ("r-open", "r-fopen"):
        (tmp_path / "work" / name).write_text("read me")
    seen = watch(shim, tmp_path, [str(program)])
    assert seen.done.returncode == 7
    written = seen.paths("write")
    expected = {"w-open", "w-open64", "w-creat", "w-parent", "w-fopen", "w-freopen", "w-thread", "w-left-open"}
    expected |= {"folder/w-openat", "folder/w-after-chdir", "to-rename", "to-delete"}
    assert expected <= written
    (temporary,) = written - expected
    assert temporary.startswith("mkstemp-")
    assert seen.paths("read") == {"r-open", "r-fopen"}
    renames = {(Path(event["p"]).name[:8], Path(event["to"]).name) for event in seen.of("rename")}
    assert renames == {("mkstemp-", "w-mkstemp"), ("to-renam", "w-renameat")}
    assert seen.paths("delete") == {"to-delete"}
    links = {(Path(event["to"]).name, Path(event["p"]).name, bool(event.get("soft"))) for event in seen.of("link")}
    assert links == {("w-link", "w-open", False), ("s-link", "w-open", True)}


def test_the_state_after_writing_is_the_one_on_disk(shim: Path, tmp_path: Path) -> None:
    program = build(PROGRAMS / "touch_files.c", tmp_path / "touch", "-lpthread")
    (tmp_path / "work").mkdir()
    for name in ("r-open", "r-fopen"):
        (tmp_path / "work" / name).touch()
    seen = watch(shim, tmp_path, [str(program)])
    last = {event["p"]: event["s"] for event in seen.of("close")}
    for name in ("w-open", "w-creat", "w-fopen", "w-thread", "folder/w-openat"):
        path = seen.work / name
        found = path.stat()
        assert last[str(path)] == [found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev]
    # Never closed by the program: what the C library still held counts too.
    assert last[str(seen.work / "w-left-open")][0] == len("not flushed by us")


@pytest.mark.parametrize(
    "name",
    [
        "blank and #?%",
        "ünïcode",
        "line\nbreak",
        "-dash",
        'quote"back\\slash',
        b"raw \xff\xfe".decode("utf-8", "surrogateescape"),
    ],
)
def test_awkward_names_survive(shim: Path, tmp_path: Path, name: str) -> None:
    seen = watch(shim, tmp_path, ["sh", "-c", 'echo x > "./$1"; cat "./$1"', "sh", name])
    assert seen.done.stdout == b"x\n"
    assert name in seen.paths("write")
    assert name in seen.paths("read")


def test_repeated_opens_cost_one_event_until_the_content_changes(shim: Path, tmp_path: Path) -> None:
    code = """
def read():
    for _ in range(50):
        open('a').close()
open('a', 'w').write('1')
read()
open('a', 'w').write('22')
read()
"""
    seen = python(shim, tmp_path, code)
    reads = [event["s"][0] for event in seen.of("read") if event["p"].endswith("/work/a")]
    assert reads == [1, 2]
    assert len([event for event in seen.of("write") if event["p"].endswith("/work/a")]) == 1


def test_a_name_that_is_used_again_is_told_again(shim: Path, tmp_path: Path) -> None:
    code = """
import os
for i in range(30):
    open('tmp', 'w').write(str(i))
    os.replace('tmp', f'out{i}')
"""
    seen = python(shim, tmp_path, code)
    assert len([event for event in seen.of("write") if event["p"].endswith("/tmp")]) == 30
    assert {f"out{i}" for i in range(30)} == {Path(event["to"]).name for event in seen.of("rename")}


def test_content_from_before_the_run_is_saved_once(shim: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for name in ("overwritten", "appended", "replaced", "read-and-deleted", "deleted", "large", "only-read"):
        (work / name).write_text(f"old {name}")
    (work / "large").write_text("x" * 1000)
    for path in work.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    code = """
import os
for _ in range(2):
    open('overwritten', 'w').write('new')
open('appended', 'a').write('more')
open('fresh', 'w').write('new'); os.replace('fresh', 'replaced')
os.remove('deleted')
open('read-and-deleted').read(); os.remove('read-and-deleted')
open('large', 'w').write('')
open('only-read').read()
"""
    seen = python(shim, tmp_path, code, save_limit=999)
    saved = {Path(e["p"]).name: (seen.journal / "saved" / Path(e["as"]).name).read_text() for e in seen.of("save")}
    assert saved == {name: f"old {name}" for name in ("overwritten", "appended", "replaced", "read-and-deleted")}
    before = {Path(e["p"]).name: e["s"] for e in seen.of("write") if e["s"]}
    assert before["large"][0] == 1000


def test_a_failed_try_does_not_hide_the_one_that_works(shim: Path, tmp_path: Path) -> None:
    code = """
import os
try:
    open('folder/a', 'w')
except OSError:
    os.mkdir('folder')
open('folder/a', 'w').close()
open('lock', 'x').close()
try:
    open('lock', 'x')
except FileExistsError:
    open('lock', 'a').close()
"""
    seen = python(shim, tmp_path, code)
    assert {"folder/a", "lock"} <= seen.paths("write")
    assert not seen.of("save")


def test_a_file_renamed_while_it_is_open_is_closed_under_its_new_name(shim: Path, tmp_path: Path) -> None:
    code = """
import os
with open('short', 'w') as file:
    os.rename('short', 'a longer name')
    file.write('text')
"""
    seen = python(shim, tmp_path, code)
    assert [(Path(e["p"]).name, e["s"][0]) for e in seen.of("close")] == [("a longer name", 4)]


def test_there_is_an_end_to_what_is_saved(shim: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for number in range(70):
        (work / str(number)).write_text("x" * 100)
        os.utime(work / str(number), (1_000_000_000, 1_000_000_000))
    seen = python(shim, tmp_path, "for i in range(70): open(str(i), 'w').close()", save_limit=100)
    assert len(seen.of("save")) == 64
    (gap,) = seen.of("gap")
    assert gap["path"].endswith("/work/64")


def test_children_are_watched_in_a_dropped_environment(shim: Path, tmp_path: Path) -> None:
    code = """
import os, subprocess
subprocess.run(['/bin/sh', '-c', '/bin/echo x > by-run'], env={})
os.spawnve(os.P_WAIT, '/bin/sh', ['sh', '-c', 'echo x > by-spawn'], {})
os.waitpid(os.posix_spawn('/bin/sh', ['sh', '-c', 'echo x > by-posix-spawn'], {'A': 'b'}), 0)
os.system('echo x > by-system')
os.popen('echo x > by-popen').read()
if not os.fork():
    os.execve('/bin/sh', ['sh', '-c', 'echo x > by-exec'], {})
os.wait()
"""
    seen = python(shim, tmp_path, code)
    assert seen.done.returncode == 0, seen.done.stderr
    expected = {"by-run", "by-spawn", "by-posix-spawn", "by-system", "by-popen", "by-exec"}
    assert expected <= seen.paths("write")


def test_the_environment_of_children_is_the_programs_own_otherwise(shim: Path, tmp_path: Path) -> None:
    code = "import subprocess; subprocess.run(['env'], env={'ONLY': 'this'})"
    names = {line.split("=")[0] for line in python(shim, tmp_path, code).done.stdout.decode().split()}
    assert {name for name in names if not name.startswith("WFPROV_")} == {"ONLY", "LD_PRELOAD"}


def test_a_preload_of_the_users_stays(shim: Path, tmp_path: Path) -> None:
    other = compile_shim(tmp_path / "other.so")  # any library will do
    code = f"import subprocess, os; subprocess.run(['env'], env={{'LD_PRELOAD': {str(other)!r}}})"
    lines = python(shim, tmp_path, code).done.stdout.decode().splitlines()
    preload = next(line for line in lines if line.startswith("LD_PRELOAD="))
    assert preload == f"LD_PRELOAD={shim}:{other}"


def test_who_started_whom_and_how_each_ended(shim: Path, tmp_path: Path) -> None:
    seen = watch(shim, tmp_path, ["sh", "-c", "sh -c 'exit 5'; sh -c 'kill -9 $$'; exit 3"])
    assert seen.done.returncode == 3
    top = next(e for e in seen.of("process") if "exit 3" in e["argv"][2])
    children = [e for e in seen.of("process") if e.get("parent") == top["id"]]
    assert {tuple(child["argv"]) for child in children} == {("sh", "-c", "exit 5"), ("sh", "-c", "kill -9 $$")}
    assert {e["status"] for e in seen.of("end")} == {5, 3}
    waits = {e["pid"]: e.get("signal", e.get("status")) for e in seen.of("wait")}
    assert sorted(waits.values()) == [5, signal.SIGKILL]
    for end in seen.of("end"):
        assert end["utime"] >= 0 and end["maxrss"] > 100_000 and end["lost"] == 0


def test_an_exec_takes_over_the_process(shim: Path, tmp_path: Path) -> None:
    seen = watch(shim, tmp_path, ["sh", "-c", "exec cat /dev/null"])
    first, second = seen.of("process")
    assert first["pid"] == second["pid"] and second["parent"] == first["id"]


def test_immediate_exit_is_seen(shim: Path, tmp_path: Path) -> None:
    seen = python(shim, tmp_path, "import os; open('a', 'w').write('x'); os._exit(4)")
    assert seen.done.returncode == 4
    assert [e["status"] for e in seen.of("end")] == [4]


def test_forked_children_have_an_image_of_their_own(shim: Path, tmp_path: Path) -> None:
    code = """
import multiprocessing, os
def work(i):
    open(f'pool{i}', 'w').write('x')
    return os.getpid()
if __name__ == '__main__':
    with multiprocessing.get_context('fork').Pool(2) as pool:
        pool.map(work, range(6))
"""
    seen = python(shim, tmp_path, code)
    images = {e["id"]: e for e in seen.of("process")}
    writers = {e["i"] for e in seen.of("write") if "/pool" in e["p"]}
    assert {f"pool{i}" for i in range(6)} <= seen.paths("write")
    parents = {images[writer]["parent"] for writer in writers}
    assert all(images[writer]["how"] == "fork" for writer in writers)
    assert [images[parent]["how"] for parent in parents] == ["exec"]


def test_static_programs_are_a_gap(shim: Path, tmp_path: Path) -> None:
    source = tmp_path / "static.c"
    source.write_text("int main(void) { return 6; }")
    try:
        program = build(source, tmp_path / "static", "-static")
    except subprocess.CalledProcessError:
        pytest.skip("the C library is not there as an archive")
    seen = watch(shim, tmp_path, ["sh", "-c", f"'{program}' an-argument; exit $?"])
    assert seen.done.returncode == 6
    (gap,) = seen.of("unwatched")
    assert gap["exe"] == str(program) and gap["argv"][1:] == ["an-argument"] and gap["why"] == "static"
    assert {e["pid"]: e["status"] for e in seen.of("wait")} == {gap["pid"]: 6}


def test_output_of_a_shell_redirection_is_the_programs_that_wrote_it(shim: Path, tmp_path: Path) -> None:
    seen = watch(shim, tmp_path, ["sh", "-c", "printf 'b\\na\\n' > in; sort < in > out; true"])
    sort = next(e["id"] for e in seen.of("process") if e.get("argv") == ["sort"])
    assert {Path(e["p"]).name for e in seen.of("read") if e["i"] == sort} == {"in"}
    assert [(Path(e["p"]).name, e["mode"]) for e in seen.of("write") if e["i"] == sort] == [("out", "inherited")]


def test_a_program_that_closes_all_descriptors_keeps_its_files(shim: Path, tmp_path: Path) -> None:
    code = """
import os
os.closerange(3, 4096)
for i in range(200):
    with open(f'f{i}', 'w') as file:
        os.closerange(100, 4096)
        file.write('mine')
"""
    seen = python(shim, tmp_path, code)
    assert seen.done.returncode == 0
    assert {(seen.work / f"f{i}").read_text() for i in range(200)} == {"mine"}
    assert {f"f{i}" for i in range(200)} <= seen.paths("write")


@pytest.mark.parametrize("limit", ["ulimit -f 0", "ulimit -n 4", "ulimit -v 200000", "ulimit -s 64"])
def test_limits_of_the_program_do_no_harm(shim: Path, tmp_path: Path, limit: str) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a").write_text("text")
    seen = watch(shim, tmp_path, ["sh", "-c", f"{limit}; for i in 0 1 2 3 4 5 6 7 8 9; do cat a; done; exit 9"])
    assert (seen.done.returncode, seen.done.stdout, seen.done.stderr) == (9, b"text" * 10, b"")


@pytest.mark.parametrize("what", ["removed", "read-only", "a file"])
def test_a_journal_that_can_not_be_written_does_no_harm(shim: Path, tmp_path: Path, what: str) -> None:
    journal = tmp_path / "journal"
    if what == "removed":
        command = f"rm -r '{journal}'; cat a; cat a"
    elif what == "a file":
        command = f"rm -r '{journal}'; echo x > '{journal}'; cat a; cat a"
    else:
        command = f"chmod 0 '{journal}'; cat a; cat a"
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a").write_text("text")
    seen = watch(shim, tmp_path, ["sh", "-c", command])
    assert (seen.done.returncode, seen.done.stdout, seen.done.stderr) == (0, b"texttext", b"")
    if what == "read-only":
        journal.chmod(0o700)


def test_many_writers_at_once_lose_nothing(shim: Path, tmp_path: Path) -> None:
    loop = "for i in range(400): open(f'{name}-{i}', 'w').close()"
    code = f"""
import subprocess, sys, threading
def work(name):
    {loop}
children = [subprocess.Popen([sys.executable, '-S', '-c', "name = 'c%d'\\n" % n + {loop!r}]) for n in range(4)]
threads = [threading.Thread(target=work, args=(f't{{n}}',)) for n in range(4)]
for each in threads: each.start()
for each in threads: each.join()
for each in children: assert each.wait() == 0
"""
    seen = python(shim, tmp_path, code)
    assert seen.done.returncode == 0, seen.done.stderr
    expected = {f"{kind}{n}-{i}" for kind in "ct" for n in range(4) for i in range(400)}
    assert expected <= seen.paths("write")
    assert {e["lost"] for e in seen.of("end")} == {0}


def test_paths_through_links_and_parents_are_resolved_as_the_kernel_does(shim: Path, tmp_path: Path) -> None:
    code = """
import os
os.makedirs('a/b'); os.symlink('a/b', 'jump')
open('jump/../x', 'w').write('in a')
open('.//a/./y', 'w').write('y')
folder = os.open('a', os.O_RDONLY)
os.close(os.open('../z', os.O_WRONLY | os.O_CREAT, dir_fd=folder))
"""
    seen = python(shim, tmp_path, code)
    assert {"a/x", "a/y", "z"} <= seen.paths("write")


def test_threads_and_children_know_their_task(shim: Path, tmp_path: Path) -> None:
    code = """
import ctypes, subprocess, threading
shim = ctypes.PyDLL(None)
shim.wfprov_process_id.restype = ctypes.c_char_p
task, other = shim.wfprov_next_id(), shim.wfprov_next_id()
open('outside', 'w').close()
before = shim.wfprov_task_begin(task)
open('inside', 'w').close()
thread = threading.Thread(target=lambda: open('in-thread', 'w').close()); thread.start(); thread.join()
subprocess.run(['sh', '-c', 'echo > in-child'])
inner = shim.wfprov_task_begin(other)
open('nested', 'w').close()
shim.wfprov_task_end(other, inner)
open('inside-again', 'w').close()
shim.wfprov_task_end(task, before)
open('after', 'w').close()
line = b'{"e":"done","t":1,"id":1}\\n'
shim.wfprov_emit(line, ctypes.c_size_t(len(line)))
print(task, other, shim.wfprov_process_id().decode())
"""
    seen = python(shim, tmp_path, code)
    assert seen.done.returncode == 0, seen.done.stderr
    task, other, process = seen.done.stdout.decode().split()
    by_name = {Path(e["p"]).name: e.get("task") for e in seen.of("write")}
    assert by_name["outside"] is None and by_name["after"] is None
    assert by_name["inside"] == by_name["in-thread"] == by_name["inside-again"] == int(task)
    assert by_name["nested"] == int(other)
    child = next(e for e in seen.of("process") if e.get("argv", [""])[0] == "sh")
    assert child["task"] == f"{process}:{task}"
    assert [e["i"] for e in seen.of("done")] == [process]


def test_without_a_journal_nothing_is_written(shim: Path, tmp_path: Path) -> None:
    seen = watch(shim, tmp_path, ["sh", "-c", "echo x > a; cat a"], env={"WFPROV_JOURNAL": ""})
    assert seen.done.stdout == b"x\n"
    assert not list(seen.journal.iterdir())


def bare_and_watched(shim: Path, tmp_path: Path, name: str, *words: str) -> tuple[object, Watched]:
    """Run a program of tests/recording/programs without and with the shim; return how the bare one went."""
    program = build(PROGRAMS / f"{name}.c", tmp_path / name, "-lpthread")
    bare = tmp_path / "bare"
    bare.mkdir()
    done = subprocess.run([program, *words], cwd=bare, capture_output=True, timeout=60, check=False)
    seen = watch(shim, tmp_path, [str(program), *words])
    assert (seen.done.returncode, seen.done.stdout) == (done.returncode, done.stdout)
    assert {p.name: p.read_bytes() for p in seen.work.iterdir() if p.is_file()} == {
        p.name: p.read_bytes() for p in bare.iterdir() if p.is_file()
    }
    return done, seen


@pytest.mark.parametrize("how", ["return", "_exit", "exec"])
def test_unflushed_output_is_what_it_is_without_us(shim: Path, tmp_path: Path, how: str) -> None:
    _, seen = bare_and_watched(shim, tmp_path, "unflushed", how)
    closes = [(e["p"][-3:], e["s"][0]) for e in seen.of("close")]
    assert closes == [("out", 0 if how == "_exit" else 5)]


def test_small_stacks_suffice(shim: Path, tmp_path: Path) -> None:
    _, seen = bare_and_watched(shim, tmp_path, "small_stacks")
    assert {"in-thread", "crash-log"} <= seen.paths("write")


def test_handlers_that_jump_away_do_no_harm(shim: Path, tmp_path: Path) -> None:
    program = build(PROGRAMS / "jumps.c", tmp_path / "jumps", "-lpthread")
    seen = watch(shim, tmp_path, [str(program)])
    assert seen.done.returncode == 0
    assert {"after"} | {f"thread-{n}" for n in range(20)} <= seen.paths("write")


def test_a_waiting_thread_can_be_cancelled(shim: Path, tmp_path: Path) -> None:
    bare_and_watched(shim, tmp_path, "cancelled")


def test_a_forked_child_does_not_take_over_what_its_parent_writes(shim: Path, tmp_path: Path) -> None:
    code = """
import os
files = [open(f'parent-{n}', 'w') for n in range(20)]
for file in files:
    file.write('by the parent'); file.flush()
for n in range(5):
    if not os.fork():
        open(f'child-{n}', 'w').close()
        os._exit(0)
    os.wait()
"""
    seen = python(shim, tmp_path, code)
    forked = {e["id"] for e in seen.of("process") if e["how"] == "fork"}
    assert len(forked) == 5
    assert {Path(e["p"]).name for e in seen.of("write", "close") if e["i"] in forked} == {
        f"child-{n}" for n in range(5)
    }


def test_output_of_a_plain_c_program_through_an_inherited_descriptor_is_its_own(shim: Path, tmp_path: Path) -> None:
    source = tmp_path / "say.c"
    source.write_text('#include <stdio.h>\nint main(void) { return printf("said\\n") < 0; }\n')
    program = build(source, tmp_path / "say")
    seen = python(shim, tmp_path, f"import subprocess; subprocess.run([{str(program)!r}], stdout=open('out', 'w'))")
    (writer,) = [e["i"] for e in seen.of("write") if e.get("mode") == "inherited"]
    assert writer == next(e["id"] for e in seen.of("process") if e["exe"] == str(program))


def test_shells_started_from_an_emptied_environment_are_watched(shim: Path, tmp_path: Path) -> None:
    code = (
        "import os; os.environ.clear(); os.system('/bin/echo x > by-system'); os.popen('/bin/echo x > by-popen').read()"
    )
    seen = python(shim, tmp_path, code)
    assert {"by-system", "by-popen"} <= seen.paths("write")


def test_a_working_folder_that_moves_is_followed(shim: Path, tmp_path: Path) -> None:
    code = """
import os
os.makedirs('old/inner'); top = os.getcwd(); os.chdir('old/inner'); open('first', 'w').close()
os.rename(top + '/old', top + '/new'); open('second', 'w').close()
"""
    assert {"old/inner/first", "new/inner/second"} <= python(shim, tmp_path, code).paths("write")


def test_the_shim_loads_beside_an_old_c_library(shim: Path) -> None:
    symbols = subprocess.run(["objdump", "-T", shim], capture_output=True, text=True, check=True).stdout
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", symbols)}
    assert max(versions) <= (2, 17)


def test_container_engines_get_no_shim_and_are_a_gap(shim: Path, tmp_path: Path) -> None:
    engine = tmp_path / "apptainer"
    engine.write_text('#!/bin/sh\necho "preload: $LD_PRELOAD"\n')
    engine.chmod(0o755)
    seen = watch(shim, tmp_path, ["sh", "-c", f"'{engine}' exec image.sif true; true"])
    assert seen.done.stdout == b"preload: \n"
    assert [(e["why"], e["argv"][1:]) for e in seen.of("unwatched")] == [("container", ["exec", "image.sif", "true"])]
