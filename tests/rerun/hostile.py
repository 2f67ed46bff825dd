"""Makes crates that nobody should trust: :func:`hostile_crates` gives some two hundred, the same for the same seed.

Each does one thing that a careless program would fall for. What they lead to (a private file, a program, a server) is
the test's own and watched by it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shlex
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METADATA = "ro-crate-metadata.json"
CWD = "/home/somebody/project"
ESCAPES = (
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://127.0.0.1/\x07link\x1b]8;;\x07",
    "\x1b]52;c;Y3VybA==\x07",
    "\x9b31m",
    "\x1bP+q\x1b\\",
    "a\rb\x08\x08c\x7f",
    "line\nanother\u2028third\x0b\x0c",
    "\u202efdp.exe\u202c\u2066x\u2069",
    "\u200b\u200d\ufeffzero",
    "\ud800lone",
    "\x00nul",
)


@dataclass(frozen=True)
class Bait:
    """What the crates try to reach."""

    private: Path  # a folder with a file `id_rsa`
    program: Path  # leaves a mark when it is executed
    port: int  # of a server on loopback


@dataclass(frozen=True)
class Hostile:
    """A crate, and whether its command does no harm, so that it may be run with consent."""

    name: str
    source: Path
    is_harmless: bool = False


Entity = dict[str, Any]


def hostile_crates(folder: Path, bait: Bait, seed: int = 6) -> list[Hostile]:
    """Write all of them below ``folder``."""
    chance = random.Random(seed)
    found: list[Hostile] = []
    for make in (_slips, _zip_links, _broken_zips, _clashes):
        for name, write in make(bait, chance):
            path = folder / f"{len(found):03}-{name}.zip"
            write(path)
            found.append(Hostile(name, path))
    for name, write in _folders(bait):
        path = folder / f"{len(found):03}-{name}"
        path.mkdir()
        write(path)
        found.append(Hostile(name, path))
    kinds = (_identifiers, _remote, _commands, _recorded_paths, _texts, _numbers, _shapes, _environments, _engines)
    for number, make in enumerate(kinds):
        for name, crate in make(bait, chance):
            path = folder / f"{len(found):03}-{name}"
            crate.write(path, as_zip=number % 2 == 0 and chance.random() < 0.5)
            is_zip = not path.is_dir()
            found.append(Hostile(name, path.with_suffix(".zip") if is_zip else path, crate.is_harmless))
    return found


class Crate:
    """A crate as wfprov writes it, of ``cat in.txt``; whatever is wrong with it is put in by the caller."""

    def __init__(
        self,
        command: Sequence[str] | str = ("cat", "in.txt"),
        *,
        cwd: str = CWD,
        is_harmless: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.is_harmless = is_harmless
        self.files = {"dataset/in.txt": b"in\n", "application_sources/run.sh": b"cat in.txt\n", **(files or {})}
        self.root: Entity = {
            "@id": "./",
            "@type": "Dataset",
            "name": "a run",
            "description": "A run.",
            "datePublished": "2026-01-01",
            "license": "MIT",
            "conformsTo": [{"@id": f"https://w3id.org/ro/wfrun/{name}/0.5"} for name in ("process", "workflow")],
            "mainEntity": {"@id": "application_sources/run.sh"},
            "hasPart": [{"@id": name} for name in self.files],
            "mentions": [{"@id": "#run-1"}],
        }
        self.main: Entity = {
            "@id": "application_sources/run.sh",
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "run.sh",
        }
        self.input: Entity = {
            "@id": "dataset/in.txt",
            "@type": "File",
            "name": "in.txt",
            "alternateName": f"{CWD}/in.txt",
            "contentSize": "3",
            "sha256": hashlib.sha256(b"in\n").hexdigest(),
        }
        self.action: Entity = {
            "@id": "#run-1",
            "@type": "CreateAction",
            "name": "Run",
            "description": command if isinstance(command, str) else shlex.join(command),
            "instrument": {"@id": "application_sources/run.sh"},
            "object": [{"@id": "dataset/in.txt"}],
            "result": [],
            "location": f"file://host{cwd}",
            "startTime": "2026-01-01T00:00:00+00:00",
            "endTime": "2026-01-01T00:00:01+00:00",
            "actionStatus": "http://schema.org/CompletedActionStatus",
        }
        self.more: list[Any] = []
        self.context: Any = "https://w3id.org/ro/crate/1.1/context"
        self.raw: bytes | None = None

    def uses(self, entity: Entity) -> Crate:
        """Add an input."""
        self.more.append({"@type": "File", **entity})
        self.action["object"].append({"@id": entity.get("@id")})
        return self

    def metadata(self) -> bytes:
        if self.raw is not None:
            return self.raw
        about = {"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}}
        about["conformsTo"] = {"@id": "https://w3id.org/ro/crate/1.1"}
        graph = [about, self.root, self.main, self.input, self.action, *self.more]
        return json.dumps({"@context": self.context, "@graph": graph}).encode()

    def write(self, path: Path, as_zip: bool = False) -> None:
        content = {METADATA: self.metadata(), **self.files}
        if as_zip:
            with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
                for name, data in content.items():
                    archive.writestr(name, data)
            return
        for name, data in content.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


Zips = Iterator[tuple[str, Callable[[Path], None]]]
Crates = Iterator[tuple[str, Crate]]


def _zip(*entries: tuple[str | zipfile.ZipInfo, bytes], crate: Crate | None = None) -> Callable[[Path], None]:
    """Write a sound crate with further entries."""

    def write(path: Path) -> None:
        whole = crate or Crate()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in {METADATA: whole.metadata(), **whole.files}.items():
                archive.writestr(name, data)
            for entry, data in entries:
                archive.writestr(entry, data)

    return write


def _info(name: str, mode: int, **more: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = mode << 16
    for field, value in more.items():
        setattr(info, field, value)
    return info


def _slips(bait: Bait, chance: random.Random) -> Zips:
    names = [
        "../canary.txt",
        "../../../../../../../../tmp/wfprov-canary",
        "dataset/../../canary.txt",
        "dataset/./../../canary.txt",
        f"{bait.private}/id_rsa",
        f"../{bait.private}/id_rsa",
        "/canary.txt",
        "//canary.txt",
        "..\\canary.txt",
        "C:\\canary.txt",
        "C:canary.txt",
        "..",
        "../",
        ".",
        "a/" * 3000 + "x",
        "n" * 300,
        "dataset/" + "\N{COMBINING ACUTE ACCENT}" * 200,
        "dataset/in.txt/below",
    ]
    names += ["/".join([".."] * chance.randint(1, 30) + [f"canary{n}"]) for n in range(5)]
    for number, name in enumerate(names):
        yield f"slip-{number}", _zip((name, b"slipped\n"))


def _zip_links(bait: Bait, _: random.Random) -> Zips:
    link = stat.S_IFLNK | 0o777
    targets = [
        "/etc/passwd",
        f"{bait.private}/id_rsa",
        os.path.relpath(f"{bait.private}/id_rsa", "/"),
        "..",
        "/",
        ".",
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "../../../../../../../../etc/passwd",
        "x" * 5000,
        "\x1b[2J",
        "dataset/in.txt\x00/etc/passwd",
    ]
    for number, target in enumerate(targets):
        yield f"link-{number}", _zip((_info("dataset/link", link), target.encode()))
    yield "link-loop", _zip((_info("a", link), b"b"), (_info("b", link), b"a"))
    yield "link-self", _zip((_info("a", link), b"a"))
    private = str(bait.private).encode()
    yield "link-then-file", _zip((_info("out", link), private), ("out/id_rsa", b"written through a link\n"))
    yield "file-then-link", _zip(("out/id_rsa", b"x"), (_info("out", link), private))

    def metadata_is_link(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(_info(METADATA, link), private + b"/id_rsa")

    yield "metadata-link", metadata_is_link


def _broken_zips(bait: Bait, chance: random.Random) -> Zips:
    yield "bomb", _zip(("dataset/zeros", bytes(66 << 20)))
    yield "device", _zip((_info("dataset/null", stat.S_IFCHR | 0o666), b""))
    yield "pipe", _zip((_info("dataset/pipe", stat.S_IFIFO | 0o666), b""))
    yield "setuid", _zip((_info("dataset/suid", stat.S_IFREG | 0o6755), b"#!/bin/sh\n"))

    def changed(change: Callable[[bytearray], None]) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            _zip()(path)
            data = bytearray(path.read_bytes())
            change(data)
            path.write_bytes(data)

        return write

    def flag(offset: int, value: int) -> Callable[[bytearray], None]:
        def change(data: bytearray) -> None:
            at = data.rfind(b"PK\x01\x02")
            struct.pack_into("<H", data, at + offset, value)

        return change

    yield "encrypted", changed(flag(8, 1))
    yield "method", changed(flag(10, 99))
    yield "many", changed(lambda data: struct.pack_into("<HH", data, len(data) - 14, 0xFFFE, 0xFFFE))
    yield "huge-directory", changed(lambda data: struct.pack_into("<L", data, len(data) - 10, 0xFFFFFFF0))
    yield "far-directory", changed(lambda data: struct.pack_into("<L", data, len(data) - 6, 0x7FFFFFFF))
    yield "cut", changed(lambda data: data.__delitem__(slice(len(data) // 2, None)))
    yield "empty", lambda path: path.write_bytes(b"") and None
    yield "no-zip", lambda path: path.write_bytes(b"PK\x03\x04" + bait.private.name.encode()) and None

    def overlap(data: bytearray) -> None:
        first = data.find(b"PK\x01\x02")
        second = data.find(b"PK\x01\x02", first + 4)
        data[second + 42 : second + 46] = data[first + 42 : first + 46]

    yield "overlap", changed(overlap)
    for number in range(6):

        def noise(data: bytearray, random_one: random.Random = random.Random(chance.random())) -> None:  # noqa: B008
            for _ in range(8):
                data[random_one.randrange(len(data))] = random_one.randrange(256)

        yield f"noise-{number}", changed(noise)


def _clashes(_: Bait, __: random.Random) -> Zips:
    yield "twice", _zip(("dataset/x", b"1"), ("dataset/./x", b"2"))
    yield "metadata-twice", _zip((f"./{METADATA}", b"{}"))
    yield "case", _zip(("dataset/Name", b"1"), ("dataset/nAME", b"2"))
    yield "accent", _zip(("dataset/\u00e9", b"1"), ("dataset/e\u0301", b"2"))
    yield "file-and-folder", _zip(("dataset/x", b"1"), ("dataset/x/y", b"2"))
    yield "two-crates", _zip((f"one/{METADATA}", b"{}"), (f"two/{METADATA}", b"{}"))


def _folders(bait: Bait) -> Zips:
    def linked(name: str, target: str | Path) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            Crate().write(path)
            place = path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir():
                for file in place.iterdir():
                    file.unlink()
                place.rmdir()
            place.unlink(missing_ok=True)
            place.symlink_to(target)

        return write

    secret = bait.private / "id_rsa"
    for number, (name, target) in enumerate(
        [
            ("dataset/in.txt", secret),
            ("dataset/in.txt", "/etc/passwd"),
            ("dataset/in.txt", "/dev/zero"),
            ("dataset/in.txt", "in.txt"),
            ("dataset/in.txt", ".."),
            ("dataset", bait.private),
            ("dataset", "/"),
            ("dataset", ".."),
            ("application_sources/run.sh", secret),
            (METADATA, secret),
            (METADATA, "/dev/zero"),
            (METADATA, METADATA),
            ("environment", bait.private),
        ]
    ):
        yield f"folder-link-{number}", linked(name, target)

    def piped(name: str) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            Crate().write(path)
            (path / name).unlink(missing_ok=True)
            (path / name).parent.mkdir(exist_ok=True)
            os.mkfifo(path / name)

        return write

    for name in ("dataset/in.txt", "application_sources/run.sh", METADATA, "environment/system.json"):
        yield f"folder-pipe-{name.replace('/', '-')}", piped(name)


def _identifiers(bait: Bait, _: random.Random) -> Crates:
    secret = bait.private / "id_rsa"
    digest = hashlib.sha256(secret.read_bytes()).hexdigest()
    for number, identifier in enumerate(
        [
            f"file://{secret}",
            f"file://localhost{secret}",
            f"file://host{secret}",
            f"file:{secret}",
            str(secret),
            f"../../..{secret}",
            "%2e%2e/%2e%2e/etc/passwd",
            "..%2f..%2fetc%2fpasswd",
            "dataset/../../../../etc/passwd",
            "file:///etc/passwd",
            "file:///dev/zero",
            "file:///proc/self/environ",
            "dataset/%00",
            "./",
            "",
            METADATA,
        ]
    ):
        yield f"id-{number}", Crate().uses({"@id": identifier, "alternateName": f"{CWD}/stolen"})
    crate = Crate().uses({"@id": f"file://{secret}", "alternateName": str(secret), "sha256": "0" * 64})
    yield "id-other-digest", crate
    yield "id-no-digest", Crate().uses({"@id": f"file://{secret}", "alternateName": str(secret)})
    whole = Crate().uses({"@id": f"file://{bait.private}/", "@type": "Dataset", "alternateName": str(bait.private)})
    yield "id-folder", whole
    yield "id-url", Crate().uses({"@id": f"file://{secret}", "contentUrl": f"file://{secret}", "sha256": digest[::-1]})


def _remote(bait: Bait, _: random.Random) -> Crates:
    port = bait.port
    addresses = [
        f"http://127.0.0.1:{port}/x",
        f"http://localhost:{port}/x",
        f"http://localhost.:{port}/x",
        f"http://[::1]:{port}/x",
        f"http://[::ffff:127.0.0.1]:{port}/x",
        f"http://0.0.0.0:{port}/x",
        f"http://0x7f000001:{port}/x",
        f"http://2130706433:{port}/x",
        f"http://127.1:{port}/x",
        f"http://user:password@127.0.0.1:{port}/x",
        f"http://example.org@127.0.0.1:{port}/x",
        f"https://127.0.0.1:{port}/x",
        f"ftp://127.0.0.1:{port}/x",
        "http://169.254.169.254/latest/meta-data/iam/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://10.0.0.1/x",
        "http://192.168.0.1/x",
        f"http://127.0.0.1:{port}/\x1b[2J\r\nHost: x",
        "http://[::1",
        "http://",
        "https://example.org:99999999/x",
    ]
    for number, address in enumerate(addresses):
        yield f"remote-{number}", Crate().uses({"@id": address, "alternateName": f"{CWD}/fetched"})
    here = addresses[0]
    crate = Crate()
    crate.context = [here, {"x": here}]
    yield "remote-context", crate
    crate = Crate()
    crate.root |= {"conformsTo": {"@id": here}, "license": {"@id": here}, "url": here, "isBasedOn": {"@id": here}}
    crate.input |= {"contentUrl": here, "url": here, "sameAs": {"@id": here}}
    yield "remote-everywhere", crate
    crate = Crate()
    crate.main["@id"] = crate.action["instrument"]["@id"] = here
    crate.root["mainEntity"] = {"@id": here}
    yield "remote-main", crate


def _commands(bait: Bait, chance: random.Random) -> Crates:
    program, mark = str(bait.program), f"{bait.private}/../marked"
    tricks = [f"$({program})", f"`{program}`", f"; {program}", f"| {program}", f"&& {program} #", f"\n{program}\n"]
    tricks += [f"> {mark}", "${IFS}", "*", "~", "%s%n", "'", '"', "\\", "\x1b[2J", "-rf", "--", "{a,b}", "!!"]
    for number, trick in enumerate(tricks):
        yield f"word-{number}", Crate(("echo", trick, chance.choice(tricks)), is_harmless="\x1b" not in trick)
    for number, command in enumerate(
        [
            (program,),
            ("env", program),
            ("sh", "-c", program),
            (f"$({program})",),
            (f"{program} ; true",),
            ("-c", program),
            ("--help",),
            ("",),
            (".",),
            ("/",),
            ("..",),
            ("\x1b[2J",),
            ("../../../../../../../../../.." + program,),
            ("x" * 5000,),
            ("python", "-c", f"import os; os.system({program!r})"),
            ("python3", program),
            ("cat", "in.txt", *["x"] * 5000),
        ]
    ):
        yield f"command-{number}", Crate(command)
    for number, line in enumerate(["", "   ", "'unfinished", '"', "\\", "a\x00b", "cat 'in.txt' \x1b]8;;x\x07"]):
        yield f"line-{number}", Crate(line)


def _recorded_paths(bait: Bait, chance: random.Random) -> Crates:
    secret = f"{bait.private}/id_rsa"
    paths: list[Any] = [
        f"{CWD}/../../../../../../..{secret}",
        f"/home/../..{secret}",
        secret,
        str(bait.private),
        "/",
        "//etc/passwd",
        "/etc/passwd",
        "/etc/../etc/shadow",
        "/proc/self/mem",
        "/dev/sda",
        "relative/../../x",
        f"{CWD}/",
        CWD,
        f"{CWD}/a\nb",
        f"{CWD}/\x1b[2J",
        f"{CWD}/a\x00b",
        f"{CWD}/" + "n" * 300,
        f"{CWD}/" + "d/" * 2500,
        f"{CWD}/\ud800\udc80",
        f"{CWD}/-rf",
        ["/a", "/b"],
        {"@id": "/etc/passwd"},
        5,
    ]
    for number, path in enumerate(paths):
        crate = Crate()
        crate.input["alternateName"] = path
        yield f"path-{number}", crate
    for number, cwd in enumerate(
        ["/", "/etc", "/usr", "/proc", str(bait.private), "/home/a/../../etc", "", "/%00", "/" + "d/" * 2500, "/a%0Ab"]
    ):
        crate = Crate(cwd=cwd)
        crate.input["alternateName"] = f"{cwd or ''}/in.txt"
        yield f"cwd-{number}", crate
    crate = Crate(files={"dataset/other": b"other\n"})
    yield "same-place", crate.uses({"@id": "dataset/other", "alternateName": f"{CWD}/in.txt"})
    crate = Crate(files={"dataset/other": b"other\n"})
    yield "below-a-file", crate.uses({"@id": "dataset/other", "alternateName": f"{CWD}/in.txt/other"})
    crate = Crate()
    crate.action["result"] = [{"@id": "#out"}]
    crate.more.append({"@id": "#out", "@type": "File", "alternateName": secret})
    yield "output-is-private", crate
    crate = Crate()
    crate.action["result"] = [{"@id": "dataset/in.txt"}]
    crate.input["alternateName"] = secret
    yield "in-out-is-private", crate
    for number in range(4):
        crate = Crate()
        depth = chance.randint(1, 12)
        crate.input["alternateName"] = "/" + "/".join(chance.choice(["..", ".", "", "etc", "x"]) for _ in range(depth))
        yield f"path-random-{number}", crate


def _texts(_: Bait, __: random.Random) -> Crates:
    for number, text in enumerate(ESCAPES):
        crate = Crate(("cat", "in.txt", text), files={"dataset/odd": b"x"})
        crate.root |= {"name": text, "description": text, "license": text, "author": {"@id": text}}
        crate.main |= {"name": text, "programmingLanguage": {"@id": "#language"}}
        crate.action |= {"name": text, "error": text, "agent": {"@id": text}}
        crate.action["environment"] = [{"@id": "#variable"}]
        crate.more += [
            {"@id": text, "@type": "Person", "name": text, "affiliation": {"@id": "#institute"}},
            {"@id": "#institute", "@type": "Organization", "name": text},
            {"@id": "#language", "@type": "ComputerLanguage", "name": text, "version": text},
            {"@id": "#variable", "@type": "PropertyValue", "name": f"LC_{text}", "value": text},
        ]
        crate.uses({"@id": f"dataset/{text}", "name": text, "alternateName": f"{CWD}/{text}", "sha256": text})
        yield f"text-{number}", crate
    crate = Crate()
    crate.action["environment"] = [{"@id": f"#v{n}"} for n in range(5)]
    names = ("LD_PRELOAD", "PYTHONSTARTUP", "PATH", "BASH_ENV", "WFPROV_DIR")
    crate.more += [
        {"@id": f"#v{n}", "@type": "PropertyValue", "name": name, "value": "/tmp/evil.so"}
        for n, name in enumerate(names)
    ]
    yield "variables", crate


def _numbers(_: Bait, __: random.Random) -> Crates:
    values: list[Any] = ["1e999", -1, 10**400, "9" * 5000, float("nan"), float("inf"), [1, 2], {"@id": "#x"}, True, "٣"]
    for number, value in enumerate(values):
        crate = Crate()
        crate.input |= {"contentSize": value, "dateModified": value}
        crate.action |= {"startTime": value, "endTime": value, "resourceUsage": [{"@id": "#u"}]}
        crate.action["environment"] = [{"@id": "#hardware-memory"}, {"@id": "#hardware-cpu_count"}]
        crate.more += [
            {"@id": "#u", "@type": "PropertyValue", "name": "max_memory", "propertyID": "max_memory", "value": value},
            {"@id": "#hardware-memory", "@type": "PropertyValue", "name": "memory", "value": value},
            {"@id": "#hardware-cpu_count", "@type": "PropertyValue", "name": "cpu_count", "value": value},
        ]
        yield f"number-{number}", crate
    crate = Crate()
    crate.action |= {"startTime": "99999-01-01T00:00:00Z", "endTime": "0000-00-00"}
    yield "years", crate
    crate = Crate()
    crate.input["contentSize"] = str(1 << 62)
    del crate.input["sha256"]
    yield "huge-file", crate


def _shapes(_: Bait, __: random.Random) -> Crates:
    raw: dict[str, bytes] = {
        "deep": b'{"@graph":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep-value": b'{"@graph":[{"@id":"./","name":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}]}",
        "no-json": b"\x1b[2J not json",
        "no-utf8": b'{"@graph": ["\xff\xfe"]}',
        "list": b"[]",
        "graph-text": b'{"@graph": "x"}',
        "graph-mixed": b'{"@graph": [1, null, "x", [], {}, {"@id": 5}, {"@id": "./", "@type": 7}]}',
        "empty-file": b"",
        "null": b"null",
        "long-number": b'{"@graph": [' + b"9" * 5000 + b"]}",
    }
    for name, content in raw.items():
        crate = Crate()
        crate.raw = content
        yield name, crate
    crate = Crate()
    crate.more += [
        {"@id": f"d{n}/", "@type": "Dataset", "hasPart": [{"@id": f"d{(n + 1) % 3}/"}, {"@id": "./"}]} for n in range(3)
    ]
    crate.action["object"].append({"@id": "d0/"})
    yield "cycle", crate
    crate = Crate()
    crate.action |= {"instrument": {"@id": "#run-1"}, "object": {"@id": "#run-1"}, "result": {"@id": "./"}}
    yield "self", crate
    crate = Crate()
    crate.more += [
        {"@id": "dataset/in.txt", "@type": "Dataset", "alternateName": "/etc"},
        {"@id": "./", "@type": "File"},
    ]
    yield "same-id", crate
    crate = Crate()
    crate.more = [
        {"@id": f"#run-{n}", "@type": "CreateAction", "object": {"@id": f"#run-{n - 1}"}} for n in range(2, 800)
    ]
    yield "chain", crate
    for key in ("object", "result", "instrument", "description", "location", "environment"):
        crate = Crate()
        crate.action[key] = [[[{"@id": {"@id": ["x"]}}], None, 5, {"@value": [{}]}]]
        yield f"odd-{key}", crate


def _environments(bait: Bait, _: random.Random) -> Crates:
    port, private, program = bait.port, bait.private, bait.program
    lists = {
        "environment/requirements.txt": [
            f"--index-url http://127.0.0.1:{port}/simple/\nevil==1.0\n",
            f"-r {private}/id_rsa\n",
            f"evil @ http://127.0.0.1:{port}/evil-1.0-py3-none-any.whl\n",
            f"evil @ file://{private}\n-e {private}\n",
            f"evil==1.0 ; $({program})\n",
            "\x1b[2J==1\n" * 3,
        ],
        "environment/environment.yml": [
            f"channels: ['http://127.0.0.1:{port}/c']\ndependencies: [python=3.11, {{pip: ['-r {private}/id_rsa']}}]\n",
            "dependencies: !!python/object/apply:os.system ['true']\n",
        ],
        "environment/conda-explicit.txt": [f"@EXPLICIT\nhttp://127.0.0.1:{port}/linux-64/evil-1-0.conda#{'0' * 32}\n"],
        "environment/system.json": ["[" * 50_000, f'{{"interpreter": {{"path": "{program}", "version": "3.11"}}}}'],
    }
    for name, texts in lists.items():
        for number, text in enumerate(texts):
            crate = Crate(("python", "in.txt"), files={name: text.encode()})
            crate.more.append({"@id": name, "@type": "File", "name": "software"})
            yield f"{name.split('/')[-1]}-{number}", crate
    crate = Crate()
    crate.action["containerImage"] = {"@id": "#image"}
    crate.more.append(
        {
            "@id": "#image",
            "@type": "ContainerImage",
            "name": "evil/image",
            "registry": f"127.0.0.1:{port}",
            "additionalType": {"@id": "https://w3id.org/ro/terms/workflow-run#DockerImage"},
        }
    )
    yield "container", crate
    crate = Crate(files={"application_sources/setup.py": f"import os; os.system({str(program)!r})\n".encode()})
    yield "setup", crate


def _engines(bait: Bait, _: random.Random) -> Crates:
    program, port = str(bait.program), bait.port
    for name, content in {
        "tool.cwl": f"cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: ['{program}']\ninputs: []\noutputs: []\n",
        "import.cwl": f"cwlVersion: v1.2\nclass: Workflow\n$import: http://127.0.0.1:{port}/x.cwl\n",
        "script.cwl": "cwlVersion: v1.2\nclass: ExpressionTool\nrequirements: [{class: InlineJavascriptRequirement}]\n"
        "expression: ${return {};}\ninputs: []\noutputs: []\n",
    }.items():
        crate = Crate(("cwltool", name), files={f"application_sources/{name}": content.encode()})
        crate.main |= {"@id": f"application_sources/{name}", "programmingLanguage": {"@id": "#cwl"}}
        crate.action["instrument"] = crate.root["mainEntity"] = {"@id": f"application_sources/{name}"}
        crate.more.append({"@id": "#cwl", "@type": "ComputerLanguage", "name": "Common Workflow Language"})
        yield name, crate
    lines = [
        f"runcompss --flag $({program}) main.py",
        f"runcompss --pythonpath=/evil:{bait.private} --lang=python -d main.py ; {program}",
        f"runcompss --master_working_dir=/ --classpath={bait.private} \x1b[2J.py",
        "enqueue_compss --num_nodes=999999999999 --exec_time=-1 main.py",
    ]
    for number, line in enumerate(lines):
        files = {"application_sources/main.py": b"print('hello')\n", "submit_command_line.txt": line.encode()}
        crate = Crate(files=files)
        crate.main |= {"@id": "application_sources/main.py", "programmingLanguage": {"@id": "#compss"}}
        crate.action["instrument"] = crate.root["mainEntity"] = {"@id": "application_sources/main.py"}
        crate.action["description"] = line
        crate.more.append({"@id": "#compss", "@type": "ComputerLanguage", "name": "COMPSs Programming Model"})
        crate.more.append({"@id": "submit_command_line.txt", "@type": "File", "name": "submit_command_line.txt"})
        yield f"compss-{number}", crate
