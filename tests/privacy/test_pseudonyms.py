"""Pseudonyms: every name goes, nothing else changes, and putting the names back gives the original."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from provenance.privacy.names import Kind, mentions
from provenance.privacy.pseudonyms import Learned, Replacer, is_ordinary, put_back

NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8).map(lambda stem: f"q{stem}")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["user1", "host2", "/home/", "=", "user=", "@", "/", " ", "\n", "file://", "_data", "root", "https://x.org/"]
)


def replaced(text: str, *more: str) -> tuple[str, dict[str, str]]:
    learned = Learned()
    for each in (text, *more):
        learned.read(each)
    pseudonyms = learned.pseudonyms()
    return Replacer(pseudonyms).in_text(text), pseudonyms


def found(text: str) -> list[tuple[str, str]]:
    return [(mention.kind.value, mention.name) for mention in mentions(text)]


def test_homes_of_all_systems() -> None:
    for text in (
        "/home/ada/x",
        "/gpfs/home/ada",
        "/Users/ada/x.py",
        "C:\\Users\\ada\\x",
        '"C:\\\\Users\\\\ada"',
        "-I/home/ada/include",
        "PATH=/usr/bin:/home/ada/bin",
        "file:///home/ada/x",
        "/users/ada/work",
        "HOME=/data/people/ada",
    ):
        assert found(text) == [("home folder", "ada")], text


def test_a_home_in_a_group() -> None:
    assert found("/gpfs/home/bsc/bsc019057/x") == [("group name", "bsc"), ("home folder", "bsc019057")]


def test_names_that_everybody_has_and_pseudonyms_are_no_finding() -> None:
    for text in (
        "/root/x",
        "/home/user1/x",
        "/home/runner/work",
        "file://localhost/x",
        "https://github.com/ada/x",
        "git@github.com:ada/x.git",
        "ada@example.org",
        "/home/conda/feedstock_root/build",
        "nvidia-curand-cu12==10.3.2.106",
        "GET /users/login",
        "threading.local()",
        "icon@2x.png",
    ):
        assert found(text) == [], text


def test_users_hosts_and_accounts_of_logs() -> None:
    assert found("ada@login7:~$ ls") == [("user name", "ada"), ("internal host", "login7")]
    assert found("-rw-r--r-- 1 ada physlab  12 Jan  1 x") == [("user name", "ada"), ("group name", "physlab")]
    assert found("SLURM_JOB_ACCOUNT=proj42") == [("account", "proj42")]
    assert found("#SBATCH --account=proj42") == [("account", "proj42")]
    assert found("SLURM_JOB_NODELIST=nid[001-004]") == [("internal host", "nid[001-004]")]
    assert found("file://node17/home/ada/x") == [("internal host", "node17"), ("home folder", "ada")]
    assert found("connected to 10.1.2.3") == [("private network address", "10.1.2.3")]
    assert found("write to jo@uni.edu") == [("e-mail address", "jo@uni.edu")]


def test_code_and_pinned_versions_are_no_logins() -> None:
    for text in (
        "podman run tools@sha256:4b1f",
        "spack install zlib@develop +pic",
        "w = inv(a)\ny = w@x + b\n",
        "x = 1\nreturn x@weights\n",
        "obj <- read(f)\ncounts <- obj@counts\nprint(obj@meta)\n",
        "obj <- f(1)\nobj@counts <- 3\n",
        'group = "control"\nsubset(d, group="treated")\n',
        'host="mouse"',
        "def f(account_name):\n    connect(user=account_name, host=self._host1, port=2)",
    ):
        assert found(text) == [], text


def test_logins_in_code_are_logins() -> None:
    for text in (
        'REMOTE = "ada@login7"',
        "ssh ada@login7 ls",
        "rsync -a x ada@login7:/data",
        "scp (ada@login7:x)",
        r'print("from\nada@login7")',
        "connect(user='ada', host='login7')",
        "user=ada\nhost=login7",
        "session opened (user=ada, host=login7)",
        "remote=ada@login7\nuser ada2",
    ):
        assert found(text) == [("user name", "ada"), ("internal host", "login7")], text


def test_one_name_has_one_pseudonym_everywhere() -> None:
    text, names = replaced("/home/ada17/x ada17@login7:~ ada17_out.csv file://login7/home/ada17/%20")
    assert text == "/home/user1/x user1@host1:~ user1_out.csv file://host1/home/user1/%20"
    assert names == {"ada17": "user1", "login7": "host1"}


def test_a_word_that_is_also_a_name_is_replaced_only_where_it_is_one() -> None:
    text, _ = replaced("cd /home/data/x; load data; python test.py; test@nodex:~ data")
    assert text == "cd /home/user1/x; load data; python test.py; user2@host1:~ data"
    assert all(is_ordinary(name) for name in ("root", "user", "data", "test", "run", "admin", "python", "al", "json"))


def test_a_pseudonym_is_never_one_that_stood_there() -> None:
    text, names = replaced("/home/ada17/x user1 user2")
    assert names == {"ada17": "user3"}
    assert text == "/home/user3/x user1 user2"


def test_pseudonyms_are_kept_and_new_ones_come_after() -> None:
    learned = Learned({"eve77": Kind.USER})
    learned.read("/home/ada17/x")
    assert learned.pseudonyms({"ada17": "user1"}) == {"ada17": "user1", "eve77": "user2"}


def test_what_authors_say_of_themselves_stays() -> None:
    replacer = Replacer({"ada17": "user1"}, ["ada17@uni.edu", "Ada17 Lovelace"])
    assert replacer.in_text("ada17 <ada17@uni.edu>") == "user1 <ada17@uni.edu>"


@given(st.lists(WORDS | NAMES | NAMES.map(lambda name: f"/home/{name}/x"), max_size=12).map("".join))
def test_putting_the_names_back_gives_the_original(text: str) -> None:
    now, names = replaced(text)
    assert put_back(now, names) == text


@given(NAMES.filter(lambda name: not is_ordinary(name)), WORDS, WORDS)
def test_no_name_is_left(name: str, before: str, after: str) -> None:
    now, names = replaced(f"{before} /home/{name}/x {after} {name} -{name}.")
    if name in names:
        assert f"/home/{name}/" not in now and f" {name} " not in now


def test_a_file_in_a_folder_called_home_is_nobody() -> None:
    assert mentions("/work/home/job.sh /srv/x/home/data.csv") == []


def test_short_names_in_other_scripts_are_names() -> None:
    replacer = Replacer({"李明": "user1"})
    assert replacer.in_text("由李明制作, dataset/李明_notes.txt") == "由user1制作, dataset/user1_notes.txt"


def test_letters_with_accents_are_parts_of_words() -> None:
    assert Replacer({"jos": "user1"}).in_text("josé jos") == "josé user1"


def test_a_known_name_is_replaced_as_a_folder_in_data_too() -> None:
    replacer = Replacer({"bsc099123": "user1", "data": "user2"})
    text = "/gpfs/projects/bsc99/bsc099123/x,bsc099123,/scratch/data/x"
    assert replacer.in_text(text, words=False) == "/gpfs/projects/bsc99/user1/x,bsc099123,/scratch/data/x"
