"""Names of people, accounts and machines in a text, where their surroundings make it certain that they are names.

Comes in: a text. Goes out: mentions, each with its place, its kind and the name: those of home folders, of
``user@host``, of ``file://host/``, of variables and options such as ``USER=`` and ``--account=``, of ``ls -l`` and
``id``, of Slurm; e-mail addresses; private network addresses. What a public address (``https://...``) holds is
public. Names that everybody has (``root``, ``ubuntu``, ``localhost``) say nothing of anybody and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from urllib.parse import unquote


class Kind(str, Enum):
    """What a finding is."""

    SECRET = "secret"
    HOME = "home folder"
    USER = "user name"
    GROUP = "group name"
    ACCOUNT = "account"
    HOST = "internal host"
    ADDRESS = "private network address"
    EMAIL = "e-mail address"


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a text; ``start`` and ``end`` enclose the name alone, as it is written there."""

    start: int
    end: int
    kind: Kind
    name: str


_PSEUDONYM = re.compile(r"(?:user|group|account|host)\d+\Z")
_EVERYWHERE = """
root nobody user users username name me you someone somebody guest public shared common default all
ubuntu debian centos fedora ec2-user admin runner jovyan vagrant vscode docker podman conda mambauser
rstudio gitpod circleci travis travisci jenkins gitlab-runner builder build app appuser linuxbrew
codespace daemon bin sys nogroup wheel staff sudo adm tty audio video games www-data systemd-network
messagebus sshd lp mail news uucp proxy backup list user-name your_user youruser your-user yourname
your_username username1 home none null true false unknown localhost
"""
_NOBODY = frozenset(_EVERYWHERE.split())
_NO_HOST = frozenset(
    ("localhost", "localhost.localdomain", "host", "hostname", "none", "unknown", "ip6-localhost", "broadcasthost")
)
_ENDINGS_OF_FILES = (
    "png|jpe?g|gif|svg|webp|py|js|ts|css|so|txt|md|html?|json|ya?ml|zip|gz|tar|whl|conda|sif|service|socket"
)
_FILE_NAME = re.compile(
    rf"(?i).+\.(?:{_ENDINGS_OF_FILES}|sh|r|nf|smk|cwl|c|cpp|h|jl|java|csv|tsv|dat|out|log|toml|ini|cfg|xml|pdf|ipynb"
    r"|h5|nc|bin)\Z"
)

_NAME = r"(?:%[0-9A-Fa-f]{2}|[\w.+-]){1,64}"
_BEFORE_PATH = (
    r"(?:(?<![\w.~+%/\\-])|(?<=\\[nrt])|(?<=[\s\"'=]-[A-Za-z])|(?<=^-[A-Za-z])|(?<=\bdataset)"
    r"|(?<=application_sources)|(?<=earlier_states/\d)|(?<=file:/)|(?<=file://)|(?<=\b[a-z]/)(?=/))"
)
_TOP = r"(?:/[\w.-]{1,20})"
_HOMES = rf"(?:{_TOP}{{0,5}}?/(?:home\d*|homes|hpchome|Users|export/home|nethome)|/users|/rhome|/dcs\d*/users)/"
_HOME = re.compile(rf"(?m)(?:file://[\w.-]+|{_BEFORE_PATH}){_HOMES}(?P<first>{_NAME})(?:/(?P<second>{_NAME}))?")
_WINDOWS = re.compile(r"(?i:(?<![A-Za-z])[a-z]:(?:\\{1,2}|/)Users(?:\\{1,2}|/))(?P<name>[\w.+-]{1,64})")
_HOME_VARIABLE = re.compile(
    r"(?m)(?<![\w.$])HOME[\"']?\s*[=:]\s*[\"']?(?:/[\w.+-]+)+/(?P<name>[\w.+-]+)/?[\"']?(?=[\s,;]|$)"
)
_BUILT = re.compile(r"conda-bld|feedstock_root|/croot|_build_env|/demo/mc3|bld/rattler|/perfectlib|rattler-build")
_ACCOUNT_FORM = re.compile(r"[a-z]{1,8}\d{2,8}\Z")

_FILE_URI = re.compile(r"\bfile://(?P<host>[A-Za-z0-9][\w.-]{0,120})(?=/)")
_HOST_ENDINGS = r"local|internal|lan|cluster|localdomain|intranet|corp|home\.arpa|private|hpc|ib0"
_INTERNAL_HOST = re.compile(
    rf"(?<![\w.@/%$-])(?P<host>[A-Za-z0-9](?:[\w-]{{0,62}}\.){{1,5}}(?:{_HOST_ENDINGS}))(?![\w(\[=.-]|\.\w)"
)
_EMAIL = re.compile(
    rf"(?<![\w.%+@/:-])(?P<address>[\w.%+-]{{1,64}}@(?:[A-Za-z0-9-]+\.)+(?!(?:{_ENDINGS_OF_FILES})\b)[A-Za-z]{{2,18}})(?![\w@-]|\.\w|:\S*\.git\b)"
)
_MAILTO = re.compile(r"mailto:(?P<address>[\w.%+-]{1,64}@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,18})")
_PUBLIC_ADDRESS = re.compile(
    r"(?i)@(?:[\w-]+\.)*(?:example\.(?:org|com|net)|example|test|invalid|localhost|local)\Z|^(?:git|hg|no-?reply|noreply|donotreply|support|info|"
    r"[\w.+-]*noreply[\w.+-]*)@|@users\.noreply\.github\.com\Z"
)
_LOGIN = re.compile(
    r"(?:(?<![\w.%+@/:\\-])|(?<=\\[nrt]))(?P<user>[a-z_][\w-]{0,31})@(?P<host>[A-Za-z][\w-]{0,62}(?:\.[\w-]+){0,5})(?=[:\s\"')\]]|$)"
)
# What stands behind an @ in the name of an image or a package: `tools@sha256:...`, `zlib@develop`.
_NO_LOGIN = frozenset(
    [
        *("sha1", "sha224", "sha256", "sha384", "sha512", "md5", "blake2b", "blake3"),
        *("latest", "develop", "next", "stable", "nightly"),
    ]
)
# Before and behind an operand: an @ is a product in Python, and names a slot in R.
_EXPRESSION = re.compile(r"(?:[=+*/(,\[{&|<>!-]|\b(?:return|in|and|or|not|if|else|yield|assert))[ \t]*\Z")
_ASSIGNED = re.compile(r"[ \t]*(?:<-|=(?!=))")
_VARIABLES = (
    (
        Kind.USER,
        r"USER|LOGNAME|USERNAME|SUDO_USER|SLURM_JOB_USER|PBS_O_LOGNAME|LSB_SUB_USER|user|username|login|owner|UserId|User",
    ),
    (Kind.GROUP, r"SLURM_JOB_GROUP|GroupId"),
    (
        Kind.ACCOUNT,
        r"SLURM_JOB_ACCOUNT|SBATCH_ACCOUNT|SLURM_ACCOUNT|SALLOC_ACCOUNT|PBS_ACCOUNT|Account|account|--account|--project_name|project_name",
    ),
    (
        Kind.HOST,
        r"HOSTNAME|HOST|SLURM_SUBMIT_HOST|SLURMD_NODENAME|SLURM_(?:JOB_)?NODELIST|SLURM_STEP_NODELIST|SLURM_LAUNCH_NODE_IPADDR"
        r"|NodeList|BatchHost|AllocNode|AllocNode:Sid|PBS_O_HOST|LSB_SUB_HOST|LSB_HOSTS|hostname|nodename|ReqNodeList",
    ),
)
_NODES = r"(?:\[[\d,-]+\][\w.-]*)?(?:,[A-Za-z][\w.-]*(?:\[[\d,-]+\])?)*"  # nid[001-004],login1
_GIVEN = tuple(
    (
        kind,
        re.compile(
            rf"(?m)(?<![\w.$-])(?:{names})[\"']?(?:=|[ \t]*:[ \t]*(?=[\"'])|[ \t]*=[ \t]*(?=[\"']))[\"']?"
            rf"(?P<name>[A-Za-z_][\w.+-]*{_NODES if kind is Kind.HOST else ''})(?=[\s\"',;)]|\(\d+\)|$)"
        ),
    )
    for kind, names in _VARIABLES
)
# A host is a mouse in some sciences; that of a machine has a number or a domain.
_HOST_SETTING = re.compile(
    r"(?<![\w.$-])host[\"']?(?:=|[ \t]*[:=][ \t]*(?=[\"']))[\"']?"
    r"(?P<name>[A-Za-z](?=[\w-]*[\d.])[\w.-]*)(?=[\s\"',;)]|$)"
)
_BATCH_ACCOUNT = re.compile(r"(?m)^#(?:SBATCH|PBS|BSUB|COBALT)\s+(?:-A|-P|--account)[= ]\s*(?P<name>[A-Za-z_][\w.-]*)")
_LISTED = re.compile(
    r"(?m)^(?:.*?\s)?[-dlbcps][r-][w-][xsS-][r-][w-][xsS-][r-][w-][xtT-][.+@]?\s+\d+\s+(?P<user>[A-Za-z_][\w.+-]*)\s+"
    r"(?P<group>[A-Za-z_][\w.+-]*)\s+\d"
)
_IDENTITY = re.compile(r"\buid=\d+\((?P<user>[\w.+-]+)\)(?:\s+gid=\d+\((?P<group>[\w.+-]+)\))?")
_PRIVATE_ADDRESS = re.compile(
    r"(?<![\w.=@-])(?P<address>192\.168\.\d{1,3}\.\d{1,3}|172\.(?:1[6-9]|2\d|3[01])\.\d{1,3}\.\d{1,3})(?![\w.]|-\d)"
    r"|(?i:(?:://|@|\b(?:inet|addr|address|host|ip|from|to|at|via|node|server|connect(?:ed|ing)?)\b[ =:\"'(]{1,4}))"
    r"(?P<ten>10\.\d{1,3}\.\d{1,3}\.\d{1,3})(?![\w.]|-\d)|(?<![\w.=@-])(?P<port>10\.\d{1,3}\.\d{1,3}\.\d{1,3})(?=:\d{2,5}\b)"
)
_PUBLIC_URL = re.compile(r"https?://(?P<login>[^\s/@\"'<>]*@)?(?P<host>[\w.-]+)(?:/[^\s\"'<>)\]}\\]*)?")
_MARKS = re.compile(
    r"(?i)home|users[/\\]|file://|@|user|login|logname|owner|group|account|project_name|host|node|uid=|[r-][w-][xst-][r-][w-]"
    r"|\.(?:local|internal|lan|cluster|intranet|corp|private|hpc|ib0)|192\.168|172\.|\b10\.|-A\s"
)


def mentions(text: str) -> list[Mention]:
    """Find the names in a text, in order and without overlaps."""
    if _MARKS.search(text) is None:
        return []
    public = [match.span() for match in public_addresses(text)] if "http" in text else []
    found: list[Mention] = []
    taken: list[tuple[int, int]] = list(public)
    for mention in (*_emails(text), *_homes(text), *_hosts(text), *_given(text)):
        if mention.start >= mention.end or _is_within(mention, taken):
            continue
        found.append(mention)
    found.sort(key=lambda mention: (mention.start, -mention.end))
    kept: list[Mention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def public_addresses(text: str) -> Iterator[re.Match[str]]:
    """Find the addresses of public web pages; what they hold is public, and another name would lead nowhere."""
    for match in _PUBLIC_URL.finditer(text):
        host = match.group("host")
        if "." in host and not is_internal_host(host):
            yield match


def is_internal_host(host: str) -> bool:
    """Tell whether the name of a machine is used within a house only."""
    is_private = _PRIVATE_ADDRESS.match(host) or re.match(r"10(?:\.\d+){3}\Z", host)
    return bool(is_private or re.search(rf"\.(?:{_HOST_ENDINGS})\Z", host) or "." not in host)


def is_somebody(name: str) -> bool:
    """Tell whether the name of a user, group or account says something of anybody; pseudonyms don't."""
    return bool(name) and name.lower() not in _NOBODY and not name.isdigit() and not _PSEUDONYM.match(name)


def is_machine(name: str) -> bool:
    """Tell whether a name can be that of a machine of a house; pseudonyms and ``localhost`` don't count."""
    if not name or name.lower() in _NO_HOST or _PSEUDONYM.match(name):
        return False
    return not re.fullmatch(r"127(?:\.\d+){3}|[0-9.]+", name) or is_internal_host(name)


def is_public_address(address: str) -> bool:
    """Tell whether an e-mail address is nobody's: of examples, of machines, for no reply."""
    return _PUBLIC_ADDRESS.search(address) is not None


def _homes(text: str) -> Iterator[Mention]:
    for match in _HOME.finditer(text):
        if _BUILT.search(text, match.start(), match.end() + 80):
            continue
        first, second = _plain(match.group("first")), _plain(match.group("second"))
        if not second and _FILE_NAME.match(first):  # in a folder of the user's that is called "home"
            continue
        if second and first and _is_grouped(first, second) and is_somebody(second):
            yield _mention(match, "first", Kind.GROUP)
            yield _mention(match, "second", Kind.HOME)
        elif is_somebody(first) and (match.group(0).startswith(("/users/",)) is False or second):
            yield _mention(match, "first", Kind.HOME)
    for match in _WINDOWS.finditer(text):
        if is_somebody(match.group("name")):
            yield _mention(match, "name", Kind.HOME)
    for match in _HOME_VARIABLE.finditer(text):
        if is_somebody(match.group("name")):
            yield _mention(match, "name", Kind.HOME)


def _is_grouped(first: str, second: str) -> bool:
    """Tell ``/home/group/user`` from ``/home/user/folder``: the account begins with its group, or is letters and
    digits where the group has no digits (``/home/bsc/bsc019057``)."""
    if second == first or not second or "." in second:
        return False
    return (second.startswith(first) and second[len(first) :].isdigit()) or (
        bool(_ACCOUNT_FORM.match(second)) and first.isalpha() and len(first) <= 5 and second[:2] == first[:2]
    )


def _hosts(text: str) -> Iterator[Mention]:
    for match in _FILE_URI.finditer(text):
        if is_machine(match.group("host")):
            yield _mention(match, "host", Kind.HOST)
    for match in _INTERNAL_HOST.finditer(text):
        if is_machine(match.group("host")) and not re.search(r"(?i)threading\.local|\bself\.|\bthis\.", match.group(0)):
            yield _mention(match, "host", Kind.HOST)
    for match in _LOGIN.finditer(text):
        user, host = match.group("user"), match.group("host")
        if user == "git" or not is_internal_host(host) or not is_machine(host) or not is_somebody(user):
            continue
        if host in _NO_LOGIN or _is_operand(match, text):
            continue
        if text[match.end() : match.end() + 1] in ("", ":", " ", "\n", "'", '"', ")", "]", "\\"):
            yield _mention(match, "user", Kind.USER)
            yield _mention(match, "host", Kind.HOST)
    for match in _PRIVATE_ADDRESS.finditer(text):
        group = match.lastgroup or "address"
        if all(int(part) < 256 for part in match.group(group).split(".")):
            yield _mention(match, group, Kind.ADDRESS)


def _is_operand(match: re.Match[str], text: str) -> bool:
    """Tell whether what looks like ``user@host`` is an expression of code, whose first operand the code names again."""
    start, end = match.span()
    before = text[max(0, start - 20) : start]
    is_assigned = (not before or before[-1] in "\n \t") and _ASSIGNED.match(text, end) is not None
    if text[end : end + 1] == ":" or not (is_assigned or _EXPRESSION.search(before)):
        return False
    return _is_named_again(match.group("user"), start, text)


def _is_named_again(name: str, start: int, text: str) -> bool:
    """Tell whether code has the name at ``start`` elsewhere too, where it is made or used."""
    alone = re.compile(rf"(?<![\w@.=]){re.escape(name)}(?![\w@-])")
    return any(other.start() != start for other in alone.finditer(text))


def _is_keyword_argument(match: re.Match[str], text: str) -> bool:
    """Tell whether ``user=name`` gives a function of code a variable."""
    is_quoted = text[match.start("name") - 1] in "\"'"
    return (
        not is_quoted
        and match.group(0)[0].islower()
        and text[max(0, match.start() - 200) : match.start()].rstrip().endswith(("(", ","))
        and ("." in match.group("name") or _is_named_again(match.group("name"), match.start("name"), text))
    )


def _given(text: str) -> Iterator[Mention]:
    for kind, pattern in _GIVEN:
        for match in pattern.finditer(text):
            name = match.group("name")
            if _is_keyword_argument(match, text):
                continue
            if is_machine(name) if kind is Kind.HOST else is_somebody(name):
                yield _mention(match, "name", kind)
    for match in _HOST_SETTING.finditer(text):
        if is_machine(match.group("name")) and not _is_keyword_argument(match, text):
            yield _mention(match, "name", Kind.HOST)
    for match in _BATCH_ACCOUNT.finditer(text):
        if is_somebody(match.group("name")):
            yield _mention(match, "name", Kind.ACCOUNT)
    for pattern in (_LISTED, _IDENTITY):
        for match in pattern.finditer(text):
            for group, kind in (("user", Kind.USER), ("group", Kind.GROUP)):
                if match.group(group) and is_somebody(match.group(group)):
                    yield _mention(match, group, kind)


def _emails(text: str) -> Iterator[Mention]:
    if "@" not in text:
        return
    for pattern in (_EMAIL, _MAILTO):
        for match in pattern.finditer(text):
            if not is_public_address(match.group("address")) and not is_internal_host(
                match.group("address").rpartition("@")[2]
            ):
                yield _mention(match, "address", Kind.EMAIL)


def _mention(match: re.Match[str], group: str, kind: Kind) -> Mention:
    start, end = match.span(group)
    raw = match.group(group)
    shortened = raw.rstrip(".") if kind is not Kind.HOST else raw.rstrip(".-")
    return Mention(start, end - (len(raw) - len(shortened)), kind, _plain(shortened))


@lru_cache(maxsize=8192)
def _plain(name: str | None) -> str:
    if not name:
        return ""
    return unquote(name, errors="surrogateescape").rstrip(".") if "%" in name else name.rstrip(".")


def _is_within(mention: Mention, spans: list[tuple[int, int]]) -> bool:
    return any(start <= mention.start and mention.end <= end for start, end in spans)
