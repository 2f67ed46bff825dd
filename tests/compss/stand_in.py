"""A stand-in for an installation of COMPSs: ``runcompss`` and ``enqueue_compss`` that behave as the real scripts do.

``runcompss`` makes ``$HOME/.COMPSs/<application>_NN`` or takes ``--specific_log_dir``/``--log_dir``, starts the
application's Python with the binding on PYTHONPATH, and leaves the logs of COMPSs 3.4 or 3.3.1. Tasks are executed by
a process of their own, the worker. ``enqueue_compss`` writes a job script into a spool folder and returns; a test runs
it.
"""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

_RUNCOMPSS = r"""#!/bin/bash
COMPSS_HOME="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
for word in "$@"; do
  [ "$word" = "--fail" ] && exit 3
done
while [[ "$1" == -* ]]; do
  case "$1" in
    -p|--provenance|--provenance=*) provenance=true; graph=true;;
    -gp|-pg) provenance=true; graph=true;;
    -g|--graph) graph=true;;
    --specific_log_dir=*) folder="${1#*=}";;
    --log_dir=*|--base_log_dir=*) base="${1#*=}";;
    --version) echo "COMPSs version 3.4"; exit 0;;
  esac
  shift
done
full="$1"; shift
name="$(basename "$full")"
if [ -z "$folder" ]; then
  base="${base:-$HOME}/.COMPSs"
  mkdir -p "$base"
  for number in $(seq -w 1 99); do
    folder="$base/${name}_$number"
    [ -d "$folder" ] || break
  done
fi
mkdir -p "$folder/jobs" "$folder/monitor" "$folder/tmpFiles"
options="$(mktemp)"
cat >> "$options" << EOT
-Dcompss.data_provenance=${provenance}
EOT
echo "[(443)    API]  -  Starting COMPSs Runtime v${STAND_IN_VERSION:-3.4} (build 20260316-0106.r0123abc)"
echo
echo "----------------- Executing $name --------------------------"
export PYTHONPATH="$COMPSS_HOME/Bindings/python/3:$(pwd):${PYTHONPATH}"
export STAND_IN_LOGS="$folder" STAND_IN_PROVENANCE="$provenance" STAND_IN_GRAPH="$graph" STAND_IN_NAME="$name"
python3 -u -O "$COMPSS_HOME/Bindings/python/3/launch.py" "$full" "$@"
status=$?
rm -rf "$options" "$folder/tmpFiles"
if [ $status -ne 0 ]; then
  echo "Error running application"
  exit $status
fi
echo "[(9000)    API]  -  Execution Finished"
if [ "$provenance" = true ]; then
  echo "PROVENANCE | STARTING WORKFLOW PROVENANCE SCRIPT"
  echo "runcompss $*" > .compss_submission_command_line.txt
  mkdir -p COMPSs_RO-Crate_20260316_101201
  echo "{}" > COMPSs_RO-Crate_20260316_101201/ro-crate-metadata.json
  rm -f .compss_submission_command_line.txt
  echo "PROVENANCE | ENDED WORKFLOW PROVENANCE SCRIPT"
fi
"""

_ENQUEUE = r"""#!/bin/bash
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
[ -n "$STAND_IN_REFUSES" ] && { echo "sbatch: error: Batch job submission failed" >&2; exit 1; }
for word in "$@"; do
  case "$word" in
    --num_nodes=*|--exec_time=*|--specific_log_dir=*) ;;
    --log_dir=*|--base_log_dir=*) base="${word#*=}";;
    *) words+=("$word");;
  esac
done
number="${STAND_IN_JOB:-123}"
mkdir -p "$STAND_IN_SPOOL"
{
  echo "#!/bin/bash"
  echo "cd $(printf %q "$(pwd)")"
  echo "export SLURM_JOB_ID=$number ENQUEUE_COMPSS_ARGS=x"
  printf '%q ' "$here/runcompss" "--specific_log_dir=${base:-$HOME}/.COMPSs/$number/" --uuid=u "${words[@]}"
  echo "> compss-$number.out 2> compss-$number.err"
} > "$STAND_IN_SPOOL/$number.sh"
echo "Submitted batch job $number"
"""

_LAUNCH = r'''"""As launch.py of the binding and the Java runtime behind it: runs it and writes logs."""
import runpy, sys
import pycompss_stand_in as runtime

sys.argv = sys.argv[1:]
runtime.start()
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    runtime.stop()
'''

_RUNTIME = r'''"""The runtime: `execute` runs a function of a module in a worker process, and logs it as COMPSs does."""
import datetime, os, subprocess, sys

LOGS = os.environ["STAND_IN_LOGS"]
VERSION = os.environ.get("STAND_IN_VERSION", "3.4")
lines, worker, edges = [], [], []
HOST = "master-ib0"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")


def start():
    global began
    began = now()
    for name in ("runtime.log", "resources.log"):
        open(os.path.join(LOGS, name), "w").close()


def execute(signature, files, **values):
    """`files`: (name, path, direction)."""
    number = sum(line.startswith("task ") and " status " not in line for line in lines) + 1 if VERSION == "3.4" else 0
    parts = []
    for name, path, direction in files:
        url = f"file://{HOST}{os.path.abspath(path)}"
        lines.append(f"file {name} FILE_T {url} {direction}" if VERSION == "3.4" else f"{url} {direction}")
        parts.append(f"{name}.FILE_T.{direction}")
    parts += [f"{name}.LONG_T.IN" for name in values]
    edges.append(signature)
    head = f"HOST={HOST} TASK={number}"
    worker.append(f"{head} STARTTIME={now()}+0000")
    for name, value in values.items():
        worker.append(f"{head} PARAMETER={name} DIRECTION=0 BASICTYPE=int IS_ARRAY=False CONTENT={value}")
    module, _, function = signature.rpartition(".")
    call = f"import {module}; {module}.{function}(*{[path for _, path, _ in files]!r}, **{values!r})"
    done = subprocess.run([sys.executable, "-c", call])
    worker.append(f"{head} ENDTIME={now()}+0000")
    status = "FAILED" if done.returncode else "FINISHED"
    if VERSION == "3.4":
        lines.append(f"task {number} {signature} {'::'.join(parts)}")
        lines.append(f"task {number} status {status}")
    if done.returncode:
        with open(os.path.join(LOGS, "jobs", f"job{number}_NEW.err"), "w") as file:
            file.write("Traceback (most recent call last):\nValueError: no numbers\n")
        if VERSION == "3.4":
            lines.append("master status FAILED")
        sys.exit(1)


def write(name, text):
    path = os.path.join(LOGS, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def stop():
    name = os.environ["STAND_IN_NAME"]
    if os.environ["STAND_IN_PROVENANCE"] == "true":
        profile = [] if VERSION == "3.4" else ["App_Profile.json"]
        every = [VERSION, name, *profile, began + "Z", *lines, now() + "Z"]
        write("dataprovenance.log", "".join(line + "\n" for line in every))
        if VERSION == "3.4":
            write(f"workers/{HOST}/Log/static_binding_dp.out", "".join(line + "\n" for line in worker))
    if os.environ["STAND_IN_GRAPH"] == "true":
        tasks = "".join(f'    {n}[shape=circle, style=filled fillcolor="#0000ff" fontcolor="#ffffff"];\n'
                        f'    Synchro0 -> {n} [label="d1v1"];\n' for n, _ in enumerate(edges, 1))
        rows = "".join(f'<tr><td align="right">{s.rpartition(".")[2]}</td><td bgcolor="#0000ff">&nbsp;</td></tr>'
                       for s in dict.fromkeys(edges))
        write("monitor/complete_graph.dot",
              'digraph {\n  newrank=true;\n  rankdir=TB;\n  labeljust="l";\n  compound= true;\n'
              '  subgraph dependence_graph {\n    ranksep=0.20;\n    node[height=0.75];\n\n'
              '    Synchro0[label="main", shape=octagon, style=filled fillcolor="#8B0000" fontcolor="#FFFFFF"];\n'
              + tasks.rstrip("\n") + "  }\n"
              '  subgraph legend {\n    rank=sink;\n    node [shape=plaintext, height=0.75];\n'
              '    subgraph cluster_01 {\n'
              '      label = "Legend";\n      key [label=<<table border="0" cellpadding="2" cellspacing="0" '
              'cellborder="0">' + rows + "</table>>]\n    }\n  }\n}\n")
'''

APPLICATION = """import sys
from pycompss_stand_in import execute

factor = int(open("parameters.txt").read())
with open("prepared.txt", "w") as file:
    file.write("5\\n")
execute("tasks.scale", [("source", sys.argv[1], "IN"), ("target", "outputs/scaled.txt", "OUT")], factor=factor)
execute("tasks.add", [("source", "prepared.txt", "IN"), ("target", "outputs/scaled.txt", "INOUT")])
with open("report.txt", "w") as file:
    file.write("total: " + open("outputs/scaled.txt").read())
"""

TASKS = '''def scale(source, target, factor):
    """Multiply each number."""
    numbers = [int(line) for line in open(source)]
    with open(target, "w") as file:
        file.write("".join(f"{number * factor}\\n" for number in numbers))


def add(source, target):
    """Append the numbers."""
    with open(target, "a") as file:
        file.write(open(source).read())
'''


@dataclass(frozen=True)
class StandIn:
    """An installation, a home folder, and a working folder with an application that has two tasks."""

    folder: Path
    version: str = "3.4"

    def __post_init__(self) -> None:
        scripts = self.folder / "COMPSs/Runtime/scripts/user"
        binding = self.folder / "COMPSs/Bindings/python/3"
        for folder in (scripts, binding, self.home, self.work / "outputs", self.work / "inputs"):
            folder.mkdir(parents=True)
        for name, text in (("runcompss", _RUNCOMPSS), ("enqueue_compss", _ENQUEUE)):
            path = scripts / name
            path.write_text(text)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        (binding / "launch.py").write_text(_LAUNCH)
        (binding / "pycompss_stand_in.py").write_text(_RUNTIME)
        (self.work / "app.py").write_text(APPLICATION)
        (self.work / "tasks.py").write_text(TASKS)
        (self.work / "parameters.txt").write_text("3\n")
        (self.work / "inputs/numbers of mine.txt").write_text("1\n2\n")

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def logs(self) -> Path:
        return self.home / ".COMPSs"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def environment(self, path: str) -> dict[str, str]:
        """What a shell of the user has; `path` is PATH without COMPSs."""
        return {
            "PATH": f"{self.folder / 'COMPSs/Runtime/scripts/user'}{os.pathsep}{path}",
            "HOME": str(self.home),
            "STAND_IN_VERSION": self.version,
            "STAND_IN_SPOOL": str(self.spool),
        }

    def run_job(self, number: int, environment: dict[str, str]) -> int:
        """The batch system starts a job; gives its exit status."""
        return subprocess.run(["bash", self.spool / f"{number}.sh"], env=environment, check=False).returncode
