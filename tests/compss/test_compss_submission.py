"""The line that a COMPSs run was submitted with."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from provenance.engines.compss import submission
from provenance.engines.compss.records import Option, Submission
from provenance.run.model import Job


def parsed(text: str, application: str | None, folder: Path) -> Submission:
    found = submission.parse(text, application, folder)
    assert found is not None
    return found


def test_options_of_compss_are_told_from_those_of_the_application(tmp_path: Path) -> None:
    text = (
        "enqueue_compss --provenance=FULL.yaml --summary -dg --qos=gp_debug --num_nodes=2 --exec_time=10 "
        "--job_name=lysozyme --queue=debug --pythonpath=/home/u/src/ /home/u/src/app.py -v --size=4 config/ -- out/"
    )
    found = parsed(text, "app.py", tmp_path)
    assert found.program == "enqueue_compss"
    assert found.options[:4] == (
        Option("--provenance", "FULL.yaml"),
        Option("--summary"),
        Option("-dg"),
        Option("--qos", "gp_debug"),
    )
    assert found.application == "/home/u/src/app.py"
    assert found.arguments == ("-v", "--size=4", "config/", "--", "out/")
    assert found.doubts == ()
    assert submission.job(found, "3846825") == Job(
        "Slurm", "3846825", name="lysozyme", partition="debug", nodes=2, time_limit=600
    )
    assert submission.job(found, None) is None


def test_a_java_class_and_a_program_called_by_its_path(tmp_path: Path) -> None:
    found = parsed(
        "/apps/COMPSs/3.3/bin/runcompss --lang=java matmul.files.Matmul 4 8", "matmul.files.Matmul", tmp_path
    )
    assert (found.program, found.application, found.arguments) == ("runcompss", "matmul.files.Matmul", ("4", "8"))


def test_without_a_known_name_the_first_word_that_is_no_option_is_the_application(tmp_path: Path) -> None:
    for name in (None, "other.py"):
        found = parsed("runcompss -t --lang=c -- ./matmul 4", name, tmp_path)
        assert (found.application, found.arguments) == ("./matmul", ("4",))


def test_words_that_name_something_together_are_joined(tmp_path: Path) -> None:
    (tmp_path / "my data" / "in put").mkdir(parents=True)
    (tmp_path / "my src").mkdir()
    (tmp_path / "my src" / "app.py").touch()
    text = (
        f"runcompss --pythonpath={tmp_path}/my src --lang=python {tmp_path}/my src/app.py 4 "
        f"my data/in put {tmp_path}/my data --from=my data 5 6"
    )
    for name in ("app.py", None):
        found = parsed(text, name, tmp_path)
        assert found.options == (Option("--pythonpath", f"{tmp_path}/my src"), Option("--lang", "python"))
        assert found.application == f"{tmp_path}/my src/app.py"
        assert found.arguments == ("4", "my data/in put", f"{tmp_path}/my data", "--from=my data", "5", "6")
        assert len(found.doubts) >= 4


def test_words_that_name_something_alone_are_not_joined(tmp_path: Path) -> None:
    for name in ("a", "b", "a b", "app.py"):
        (tmp_path / name).touch()
    assert parsed("runcompss app.py a b", "app.py", tmp_path).arguments == ("a", "b")


def test_an_application_with_a_blank_in_its_name(tmp_path: Path) -> None:
    found = parsed("runcompss src/my app.py 4", "my app.py", tmp_path)
    assert (found.application, found.arguments) == ("src/my app.py", ("4",))


def test_an_option_whose_value_was_quoted(tmp_path: Path) -> None:
    found = parsed("runcompss --jvm_master_opts=-Xms1g -Xmx2g -d app.py 1", "app.py", tmp_path)
    assert found.options == (Option("--jvm_master_opts", "-Xms1g -Xmx2g"), Option("-d"))
    assert len(found.doubts) == 1


def test_a_line_without_its_command(tmp_path: Path) -> None:
    found = parsed("--num_nodes=2 --lang=python app.py 1", "app.py", tmp_path)
    assert (found.program, found.application, found.arguments) == ("enqueue_compss", "app.py", ("1",))
    assert len(found.doubts) == 1


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "compss_submission_command_line.txt"
    assert submission.read(path, "app.py") is None
    path.write_text(" \n")
    assert submission.read(path, "app.py") is None
    path.write_bytes(b"runcompss app.py caf\xe9\n")
    found = submission.read(path, "app.py")
    assert found is not None
    assert found.text.encode("utf-8", "surrogateescape") == b"runcompss app.py caf\xe9"


WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1)


@given(arguments=st.lists(WORDS), options=st.lists(WORDS.filter(lambda word: word.isalnum())))
def test_words_that_are_known_stay_as_they_are(arguments: list[str], options: list[str]) -> None:
    given_options = [f"--{name}=1 2" for name in options]
    found = submission.parse(["runcompss", *given_options, "/my src/app.py", *arguments, "a b"], "app.py", Path("/"))
    assert found is not None
    assert [f"{each.name}={each.value}" for each in found.options] == given_options
    assert (found.application, found.arguments) == ("/my src/app.py", (*arguments, "a b"))
