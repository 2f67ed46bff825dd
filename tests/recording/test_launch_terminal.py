"""On a terminal, a recorded command is in the foreground as it would be without us."""

import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from tests.recording.launching import arguments, only, wait_for

COUNTING = """
import os, signal, sys, time
count = 0
def note(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, note)
in_front = os.getpgrp() == os.tcgetpgrp(0)
print('ready', os.isatty(0), os.isatty(1), os.isatty(2), in_front, flush=True)
while not count:
    time.sleep(0.005)
time.sleep(0.2)  # a second one would come by now
print('counted', count, flush=True)
sys.exit(9)
"""


@pytest.fixture
def terminal(tmp_path):
    """Start a command on a terminal of its own; gives its process id and the screen."""
    started = []

    def start(command, *options):
        words = arguments(command, *options)
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(tmp_path)
            os.execv(words[0], words)
        started.append((pid, master))
        return pid, _Screen(master)

    yield start
    for pid, master in started:
        try:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(master)


class _Screen:
    def __init__(self, master):
        self.master, self.text = master, ""

    def type(self, keys):
        os.write(self.master, keys)

    def until(self, wanted):
        while wanted not in self.text:
            try:
                data = os.read(self.master, 1000)
            except OSError:  # the last program has closed it
                data = b""
            assert data, f"{wanted!r} never came: {self.text!r}"
            self.text += data.decode()
        return self.text


def test_a_terminal_stays_a_terminal(terminal, tmp_path):
    pid, screen = terminal([sys.executable, "-c", COUNTING])
    assert "ready True True True True" in screen.until("\n")
    screen.type(b"\x03")
    screen.until("counted")
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 9
    assert only(tmp_path)[1]["run"]["stdout"] == {"kind": "terminal"}


@pytest.mark.parametrize("trace", ["auto", "strace", "audit"])
def test_ctrl_c_is_delivered_exactly_once(terminal, trace):
    pid, screen = terminal([sys.executable, "-c", COUNTING], "--trace", trace)
    screen.until("ready")
    screen.type(b"\x03")
    assert "counted 1\r\n" in screen.until("counted 1\r\n")
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 9


def test_ctrl_c_ends_a_command_that_does_not_handle_it(terminal, tmp_path):
    pid, screen = terminal(["sh", "-c", "echo ready; read line"])
    screen.until("ready")
    screen.type(b"\x03")
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGINT
    assert only(tmp_path)[1]["end"]["signal"] == signal.SIGINT


def test_ctrl_z_stops_the_launcher_with_the_command_and_both_go_on(terminal):
    pid, screen = terminal(["sh", "-c", "echo ready; read line; echo got $line"])
    screen.until("ready")
    # The leader of an orphaned group can't be stopped by the terminal: a stop sent to the command
    # alone shows the same.
    command = wait_for(lambda: _child(pid))
    os.kill(command, signal.SIGSTOP)
    stopped, status = os.waitpid(pid, os.WUNTRACED)
    assert stopped == pid and os.WIFSTOPPED(status)
    os.killpg(pid, signal.SIGCONT)
    screen.type(b"word\n")
    screen.until("got word")
    assert os.waitpid(pid, 0)[1] == 0


def _child(pid):
    """The command of launcher `pid`: its child that runs another program."""
    with Path(f"/proc/{pid}/task/{pid}/children").open() as file:
        for child in file.read().split():
            if os.readlink(f"/proc/{child}/exe") != os.readlink(f"/proc/{pid}/exe"):
                return int(child)
    return None
