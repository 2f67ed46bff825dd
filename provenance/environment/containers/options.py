"""Which options of container engines stand alone; all others take a value.

In: words of a command line. Out: options with their values, and the words behind them. Sources: ``--help`` of podman
4.3 and ch-run 0.31, and the reference pages of the docker, nerdctl, apptainer, singularity, shifter, sarus and enroot
commands. A new option that takes no value and is missing here would swallow the word behind it; engines add options
with a value far more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Grammar:
    """The options that stand alone.

    Attributes
    ----------
    long
        Names without the dashes.
    short
        Their letters, one after the other.
    """

    long: frozenset[str]
    short: str


def _grammar(long: str, short: str) -> Grammar:
    return Grammar(frozenset(long.split()), short)


# podman, docker and nerdctl together: none has an option that takes a value and stands alone in another.
OCI_GLOBAL = _grammar(
    "help noout remote syslog version debug debug-full tls tlsverify experimental insecure-registry", "rvDh"
)
OCI_RUN = _grammar(
    "detach disable-content-trust env-host help http-proxy init interactive no-healthcheck no-hosts no-hostname "
    "oom-kill-disable passwd privileged publish-all quiet read-only read-only-tmpfs replace rm rmi rootfs sig-proxy "
    "tls-verify tty unsetenv-all use-api-socket",
    "diPqt",
)
OCI_EXEC = _grammar("all attach detach help interactive latest privileged sig-proxy no-session tty", "adilt")
# apptainer and singularity (also SingularityCE) together.
SINGULARITY_GLOBAL = _grammar("build-config debug help nocolor quiet silent verbose version", "dhqsv")
SINGULARITY_RUN = _grammar(
    "allow-setuid allow-unsigned boot cleanenv compat contain containall disable-cache docker-login fakeroot help "
    "ignore-fakeroot-command ignore-subuid ignore-userns intel-hpu ipc keep-layers keep-privs net no-compat no-eval "
    "no-home no-https no-init no-nv no-oci no-pid no-privs no-rocm no-setgroups no-tmp-sandbox no-umask nohttps nv "
    "nvccli oci oom-kill-disable passphrase pid rocm sharens syos tmp-sandbox underlay unsquash userns uts vm vm-err "
    "writable writable-tmpfs",
    "efhicCnpuw",
)
CHARLIECLOUD = _grammar(
    "ch-ssh env-no-expand help home join no-home no-passwd private-tmp quiet seccomp set-env unsafe usage verbose "
    "version warnings write write-fake",
    "jtvwqW?V",
)
SHIFTER = _grammar("clearenv help verbose", "hvE")
SARUS_GLOBAL = _grammar("debug help verbose version", "h")
SARUS_RUN = _grammar("centralized-repository glibc help init mpi no-mpi ssh tty", "hmt")
ENROOT = _grammar("help root rw", "rwh")


def split(words: Sequence[str], grammar: Grammar) -> tuple[list[tuple[str, str]], list[str]]:
    """Take the options off the front of ``words``.

    Returns
    -------
    tuple
        Pairs of an option's name (without dashes) and its value (empty for one that stands alone), and the words from
        the first that is no option, without ``--``.

    Examples
    --------
    >>> split(["-it", "-v/a:/b", "--name=x", "--net", "host", "busybox", "-l"], OCI_RUN)
    ([('i', ''), ('t', ''), ('v', '/a:/b'), ('name', 'x'), ('net', 'host')], ['busybox', '-l'])
    """
    found: list[tuple[str, str]] = []
    index = 0
    while index < len(words):
        word = words[index]
        if len(word) < 2 or word[0] != "-":
            break
        index += 1
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and name not in grammar.long:
                value = words[index] if index < len(words) else ""
                index += 1
            found.append((name, value))
            continue
        for place, letter in enumerate(word[1:], 1):
            if letter in grammar.short and word[place + 1 : place + 2] != "=":
                found.append((letter, ""))
                continue
            value = word[place + 1 :].removeprefix("=")
            if place + 1 == len(word):
                value = words[index] if index < len(words) else ""
                index += 1
            found.append((letter, value))
            break
    return found, list(words[index:])
