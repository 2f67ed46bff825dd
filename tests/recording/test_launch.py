"""A command under `wfprov run` behaves as it does without, and leaves a record."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from provenance.recording import capabilities, watch
from tests.recording.launching import all_events, begin, events, folders, only, record, wait_for

STRACE = capabilities.find_strace(os.environ)[0]
SHIM = capabilities.find_shim()[0]
TRACES = [
    pytest.param("preload", marks=pytest.mark.skipif(not SHIM, reason="the shim is not built")),
    pytest.param("strace", marks=pytest.mark.skipif(not STRACE, reason="strace does not work here")),
    "audit",
    "off",
]
every_trace = pytest.mark.parametrize("trace", TRACES)


def python(code):
    return [sys.executable, "-c", code]


@every_trace
@pytest.mark.parametrize("status", [0, 1, 2, 3, 125, 126, 127, 128, 130, 255])
def test_the_exit_status_is_the_command_s_own(tmp_path, status, trace):
    ended = record(["sh", "-c", f"exit {status}"], tmp_path, "--trace", trace)
    assert ended.returncode == status
    assert only(tmp_path)[1]["end"]["status"] == status


@every_trace
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT, signal.SIGPIPE])
def test_a_command_that_dies_by_a_signal_makes_the_launcher_die_by_it(tmp_path, number, trace):
    ended = record(["sh", "-c", f"kill -{int(number)} $$"], tmp_path, "--trace", trace)
    assert ended.returncode == -number
    assert only(tmp_path)[1]["end"]["signal"] == number
    assert not list(tmp_path.glob("core*"))


@every_trace
def test_binary_input_and_output_pass_through_unchanged(tmp_path, trace):
    data = bytes(range(256)) * 5000
    ended = record(["sh", "-c", "cat; echo oops >&2"], tmp_path, "-q", "--trace", trace, input=data)
    assert ended.stdout == data
    assert ended.stderr == (b"" if trace != "audit" else ended.stderr[: -len(b"oops\n")]) + b"oops\n"


@every_trace
def test_arguments_pass_through_whatever_bytes_they_hold(tmp_path, trace):
    words = ["", "a b", "new\nline", "-x", "--", "$HOME", "ü", os.fsdecode(b"\xff\xfe"), '"']
    ended = record(
        python("import os, sys; print([os.fsencode(w) for w in sys.argv[1:]])") + words,
        tmp_path,
        "--trace",
        trace,
    )
    assert ended.stdout.decode().strip() == str([os.fsencode(word) for word in words])
    assert only(tmp_path)[1]["run"]["command"][3:] == words


@pytest.mark.parametrize("command", [["nonesuch-program"], ["./nonesuch"]])
@every_trace
def test_a_command_that_is_not_there_ends_with_127_and_leaves_no_record(tmp_path, command, trace):
    ended = record(command, tmp_path, "--trace", trace)
    assert ended.returncode == 127
    assert command[0].encode() in ended.stderr and b"Traceback" not in ended.stderr
    assert folders(tmp_path) == []


@every_trace
def test_a_file_that_may_not_be_executed_ends_with_126(tmp_path, trace):
    (tmp_path / "plain").write_text("true\n")
    (tmp_path / "plain").chmod(0o644)
    assert record(["./plain"], tmp_path, "--trace", trace).returncode == 126
    assert record([str(tmp_path)], tmp_path, "--trace", trace).returncode == 126


@pytest.mark.parametrize("trace", ["auto", "audit"])
def test_a_script_without_a_first_line_runs_as_in_a_shell(tmp_path, trace):
    script = tmp_path / "script"
    script.write_text("echo it runs $1\n")
    script.chmod(0o755)
    assert record(["./script", "well"], tmp_path, "--trace", trace).stdout == b"it runs well\n"


@every_trace
def test_sigterm_to_the_launcher_reaches_the_command_which_decides(tmp_path, trace):
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()"
    )
    process = begin(python(code), tmp_path, "--trace", trace)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 3
    assert only(tmp_path)[1]["end"]["status"] == 3


COUNTING = """
import signal, time
count = 0
def note(*_):
    global count
    count += 1
signal.signal(signal.{name}, note)
print('ready', flush=True)
while not count:
    time.sleep(0.005)
time.sleep(0.5)  # a second one would come by now
print(count, flush=True)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_to_the_whole_group_is_not_delivered_twice(tmp_path, name):
    process = begin(python(COUNTING.format(name=name)), tmp_path, start_new_session=True)
    assert process.stdout.readline() == b"ready\n"
    os.killpg(process.pid, getattr(signal, name))
    assert process.stdout.read() == b"1\n"
    assert process.wait(20) == 0


def test_a_signal_to_the_launcher_alone_is_delivered_once(tmp_path):
    process = begin(python(COUNTING.format(name="SIGTERM")), tmp_path, start_new_session=True)
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.stdout.read() == b"1\n"
    assert process.wait(20) == 0


def test_a_command_that_signals_its_parent_does_not_signal_itself(tmp_path):
    code = (
        "import os, signal\n"
        "os.kill(os.getppid(), signal.SIGTERM)\n"
        "signal.sigtimedwait([signal.SIGURG], 0.3)\n"
        "print('here')"
    )
    ended = record(python(code), tmp_path)
    assert (ended.returncode, ended.stdout) == (0, b"here\n")


def test_signals_ignored_at_the_start_stay_ignored(tmp_path):
    code = "import signal as s\nprint([s.getsignal(n) == s.SIG_IGN for n in (s.SIGINT, s.SIGHUP)])"

    def as_nohup_does():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    assert record(python(code), tmp_path, preexec_fn=as_nohup_does).stdout == b"[True, True]\n"


def test_the_command_starts_with_the_signals_as_they_were(tmp_path):
    command = ["grep", "^Sig[BIC]", "/proc/self/status"]
    bare = subprocess.run(command, capture_output=True, check=True).stdout
    assert _masks(record(command, tmp_path).stdout) == _masks(bare)


def _masks(status):
    # 32 and 33 are the C library's own; its posix_spawn leaves them ignored, and its threads set
    # them anew.
    return [int(line.split()[1], 16) & ~(0b11 << 31) for line in status.splitlines()]


def test_kill_9_of_the_launcher_leaves_the_command_running_and_the_record_readable(tmp_path):
    process = begin(["sh", "-c", "echo $$; read line; echo $line > result.txt"], tmp_path, stdin=subprocess.PIPE)
    command = int(process.stdout.readline())
    process.kill()
    process.wait(20)
    os.kill(command, 0)
    process.stdin.write(b"still here\n")
    process.stdin.flush()
    wait_for(lambda: (tmp_path / "result.txt").exists() and (tmp_path / "result.txt").read_text())
    assert (tmp_path / "result.txt").read_text() == "still here\n"
    _, own = only(tmp_path)
    assert own["run"]["command"][0] == "sh"
    assert "end" not in own
    # Nothing of ours stays behind: the last holder of the pipe was the command.
    assert process.stdout.read() == b""


@pytest.mark.parametrize("closed", [[0], [1], [0, 1, 2]])
@every_trace
def test_closed_standard_streams_do_no_harm(tmp_path, closed, trace):
    def close():
        for fd in closed:
            os.close(fd)

    ended = record(["sh", "-c", "echo x > file; exit 4"], tmp_path, "--trace", trace, preexec_fn=close)
    assert ended.returncode == 4
    _, own = only(tmp_path)
    assert own["run"]["e"] == "run" and own["end"]["status"] == 4
    assert (tmp_path / "file").read_text() == "x\n"


@pytest.mark.skipif(os.getuid() == 0 and not os.path.exists("/proc/self"), reason="needs /proc")
def test_a_folder_that_can_t_be_written_sends_the_record_to_the_state_folder(tmp_path):
    (tmp_path / ".wfprov").write_text("a file is in the way")
    state = tmp_path / "state"
    ended = record(["true"], tmp_path, env={**os.environ, "XDG_STATE_HOME": str(state)})
    assert ended.returncode == 0
    (run_folder,) = folders(state / "wfprov")
    assert str(run_folder).encode() in ended.stderr
    assert f"--record-dir {state}/wfprov".encode() in ended.stderr


def test_a_record_that_can_go_nowhere_lets_the_command_run(tmp_path):
    (tmp_path / ".wfprov").write_text("")
    nowhere = {**os.environ, "XDG_STATE_HOME": "/proc/nowhere", "TMPDIR": "/proc/nowhere"}
    ended = record(["sh", "-c", "echo hi; exit 5"], tmp_path, env=nowhere)
    assert (ended.returncode, ended.stdout) == (5, b"hi\n")
    assert ended.stderr.count(b"not recorded") == 1


@every_trace
def test_a_record_removed_during_the_run_does_no_harm(tmp_path, trace):
    ended = record(["sh", "-c", "rm -r .wfprov; echo hi; exit 6"], tmp_path, "--trace", trace)
    assert (ended.returncode, ended.stdout) == (6, b"hi\n")
    assert b"removed" in ended.stderr and b"Traceback" not in ended.stderr


def test_a_full_disk_does_no_harm(tmp_path):
    """Needs the right to mount; a disk of 64 KB is full soon."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("may not mount")
    try:
        fill = "head -c 1000000 /dev/zero > full 2>/dev/null; ls > /dev/null; exit 7"
        ended = record(["sh", "-c", fill], disk)
        assert ended.returncode == 7
        assert b"Traceback" not in ended.stderr
        assert "run" in only(disk)[1]
        ended = record(["sh", "-c", "exit 8"], disk, env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "s")})
        assert ended.returncode == 8
        (run_folder,) = folders(tmp_path / "s" / "wfprov")
        assert events(run_folder)[0]["e"] == "run"
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_the_run_event_says_what_was_run(tmp_path):
    (tmp_path / "info.yaml").write_text("")
    with (tmp_path / "out").open("wb") as out:
        record(
            ["sh", "-c", "echo hello"],
            tmp_path,
            *("--name", "a name", "--info", "info.yaml", "--save-limit", "5 MB"),
            capture_output=False,
            stdout=out,
            stderr=subprocess.PIPE,
        )
    run_folder, own = only(tmp_path)
    run = own["run"]
    assert run["id"] == run_folder.name
    assert run["command"] == ["sh", "-c", "echo hello"]
    assert (run["cwd"], run["host"]) == (str(tmp_path), os.uname().nodename)
    assert (run["name"], run["info"], run["save_limit"]) == (
        "a name",
        str(tmp_path / "info.yaml"),
        5_000_000,
    )
    assert run["stdout"] == {"kind": "file", "offset": 0, "path": str(tmp_path / "out")}
    assert run["stderr"] == {"kind": "pipe"}
    assert own["end"]["stdout"]["offset"] == len("hello\n")
    assert own["end"]["maxrss"] > 100_000
    assert stat.S_IMODE(run_folder.stat().st_mode) == 0o700
    assert (run_folder.parent / ".gitignore").read_text() == "*\n"


def test_the_surroundings_are_described_beside_the_command(tmp_path):
    record(["true"], tmp_path)
    sections = {event["section"] for event in events(only(tmp_path)[0]) if event["e"] == "environment"}
    assert "host" in sections


def test_one_line_at_the_end_says_how_to_pack(tmp_path):
    ended = record(["true"], tmp_path)
    (line,) = ended.stderr.decode().splitlines()
    run_folder, _ = only(tmp_path)
    assert f"wfprov pack {run_folder.name}" in line and "--record-dir" not in line
    assert record(["true"], tmp_path, "--quiet").stderr == b""
    elsewhere = record(["true"], tmp_path, "--record-dir", "else where").stderr.decode()
    assert f"--record-dir '{tmp_path}/else where'" in elsewhere


@pytest.mark.skipif(not SHIM, reason="the shim is not built")
def test_what_the_user_preloads_stays(tmp_path):
    ended = record(["sh", "-c", "echo $LD_PRELOAD"], tmp_path, env={**os.environ, "LD_PRELOAD": "libdl.so.2"})
    (preloaded,) = ended.stdout.decode().splitlines()
    first, shim = preloaded.split(":")
    assert first == "libdl.so.2" and Path(shim).samefile(SHIM)  # by a link where the path can't stand in a list


def test_with_trace_off_the_command_is_not_touched(tmp_path):
    ended = record(["env"], tmp_path, "--trace", "off")
    assert b"WFPROV" not in ended.stdout and b"LD_PRELOAD" not in ended.stdout
    assert only(tmp_path)[1]["run"]["trace"] == "off"


@pytest.mark.skipif(not SHIM, reason="the shim is not built")
def test_a_command_that_can_t_be_watched_is_a_gap(tmp_path):
    if subprocess.run(
        ["gcc", "-static", "-x", "c", "-", "-o", tmp_path / "still"],
        input=b"int main(){return 0;}",
        check=False,
    ).returncode:
        pytest.skip("no static C library")
    record(["./still"], tmp_path)
    gap = only(tmp_path)[1]["gap"]
    assert gap["what"] == "./still" and "static" in gap["why"]


@every_trace
def test_a_recording_inside_a_recording_has_its_own_record(tmp_path, trace):
    from tests.recording.launching import arguments

    (tmp_path / "input.txt").write_text("x")
    inner = arguments(["sh", "-c", "cat input.txt"], "--record-dir", "inner", "--trace", trace)
    ended = record(inner, tmp_path, "--trace", trace)
    assert ended.stdout == b"x"
    (run_folder,) = folders(tmp_path / "inner")
    assert events(run_folder)[-1]["e"] in ("end", "environment", "gap")
    if trace == "preload":
        reads = [event["p"] for event in all_events(run_folder) if event["e"] == "read"]
        outer = [event["p"] for event in all_events(folders(tmp_path)[0]) if event["e"] == "read"]
        assert str(tmp_path / "input.txt") in outer
        assert str(tmp_path / "input.txt") in reads


def test_a_working_folder_that_is_gone_does_not_stop_the_command(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f"cd '{gone}' && rmdir '{gone}' && exec \"$@\""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    from tests.recording.launching import arguments

    ended = subprocess.run(
        ["sh", "-c", program, "sh", *arguments(["sh", "-c", "echo ran; exit 5"])],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (5, b"ran\n")
    assert folders(tmp_path / "state" / "wfprov")
    assert b"Traceback" not in ended.stderr


def test_an_empty_command_is_not_found(tmp_path):
    ended = record([""], tmp_path)
    assert ended.returncode == 127
    assert b"Traceback" not in ended.stderr
    assert not folders(tmp_path)


def test_the_record_does_not_hold_the_credentials_of_the_command(tmp_path):
    record(["env", "API_TOKEN=tok123", "true", "--db", "postgresql://ada:pw4@db", "-u", "ada:pw2"], tmp_path)
    text = (only(tmp_path)[0] / "run.jsonl").read_text()
    assert not [secret for secret in ("tok123", "pw4", "pw2") if secret in text]


def test_a_record_is_its_owners_alone_and_never_behind_a_link(tmp_path):
    (tmp_path / ".wfprov").mkdir(mode=0o755)
    record(["true"], tmp_path)
    only(tmp_path)
    assert stat.S_IMODE((tmp_path / ".wfprov").stat().st_mode) == 0o700
    place, elsewhere, state = tmp_path / "place", tmp_path / "elsewhere", tmp_path / "state"
    place.mkdir()
    elsewhere.mkdir()
    (place / ".wfprov").symlink_to(elsewhere)
    ended = record(["true"], place, env={**os.environ, "XDG_STATE_HOME": str(state)})
    assert ended.returncode == 0 and not list(elsewhere.iterdir())
    assert b"is a link" in ended.stderr and folders(state / "wfprov")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder that belongs to somebody else")
def test_no_record_is_made_in_a_folder_of_a_stranger(tmp_path):
    shared, state = tmp_path / "shared", tmp_path / "state"
    (shared / ".wfprov").mkdir(parents=True)
    shared.chmod(0o1777)
    os.chown(shared / ".wfprov", 65534, 65534)
    ended = record(["true"], shared, env={**os.environ, "XDG_STATE_HOME": str(state)})
    assert b"belongs to another user" in ended.stderr and not folders(shared)
    assert folders(state / "wfprov")


@pytest.mark.skipif(not SHIM, reason="the shim is not built")
@pytest.mark.parametrize("name", ["plain", "with blank"])
def test_what_goes_on_behind_the_command_finds_the_shim(tmp_path, name, monkeypatch):
    (tmp_path / "with blank").mkdir()
    (tmp_path / "tmp").mkdir()
    run_folder = tmp_path / name
    run_folder.mkdir(exist_ok=True)
    shim = tmp_path / "with blank" / "shim.so"
    shim.write_bytes(Path(SHIM).read_bytes())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    trace = capabilities.Trace("preload", str(shim))
    plans = [watch.plan(("true",), {}, trace, str(run_folder), start=1, save_limit=1) for _ in range(2)]
    links = {plan.environment["LD_PRELOAD"] for plan in plans}
    (link,) = links
    assert " " not in link and Path(link).samefile(shim)
    in_run_folder = str(run_folder) in link
    assert in_run_folder == (name == "plain")
    if not in_run_folder:
        assert stat.S_IMODE(Path(link).parent.stat().st_mode) == 0o700


def test_a_killed_launcher_leaves_no_process_behind(tmp_path):
    """The witness of signals goes with it, also where the kernel tells of the death before the parent changes."""
    groups = []
    for _ in range(30):
        process = begin(["cat"], tmp_path, stdin=subprocess.PIPE, start_new_session=True)
        process.stdin.write(b"here\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"here\n"
        process.kill()
        process.communicate()  # closes what the command reads, which ends it
        groups.append(process.pid)

    def are_all_gone():
        for group in groups:
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                continue
            return False
        return True

    wait_for(are_all_gone)
