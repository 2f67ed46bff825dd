"""What the command lines of container engines start."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provenance.environment.containers import names as container_names
from provenance.environment.containers import options as container_options
from provenance.environment.containers.commands import Start, Unclear, read

CWD = "/work/here"


def started(line: str) -> Start:
    start = read(shlex.split(line), CWD)
    assert isinstance(start, Start)
    return start


@pytest.mark.parametrize(
    ("line", "kind", "image"),
    [
        ("podman run busybox", "podman", "busybox"),
        ("/usr/bin/podman --root /s --storage-driver vfs run --rm -it -v/a:/b --network host quay.io/a/b:1 run x",
         "podman", "quay.io/a/b:1"),
        ("podman container create --name x --tls-verify=false -e A=b -w /x alpine sh -c 'docker run y'",
         "podman", "alpine"),
        ("podman run --ulimit nofile=1024:1024 --http-proxy --read-only-tmpfs=false --init-path /x img@sha256:00",
         "podman", "img@sha256:00"),
        ("podman run docker://ghcr.io/o/n:t ls", "podman", "docker://ghcr.io/o/n:t"),
        ("docker run --gpus all --rm -u 1000:1000 --entrypoint '' python:3.11 python x.py", "docker", "python:3.11"),
        ("docker -H unix:///x.sock --tlsverify run -itd --platform linux/amd64 -- ubuntu", "docker", "ubuntu"),
        ("docker run -itv /a:/b ubuntu", "docker", "ubuntu"),
        ("nerdctl --namespace k8s.io run --rm -t alpine", "nerdctl", "alpine"),
        ("apptainer exec docker://python:3.11 python x.py", "apptainer", "docker://python:3.11"),
        ("apptainer -s exec --nv -B /a,/b:/c --env A=1 --no-home library://u/c/i:1 ls", "apptainer", "library://u/c/i:1"),
        ("singularity run -eC --pwd /x oras://ghcr.io/o/i:1", "singularity", "oras://ghcr.io/o/i:1"),
        ("shifter --image=docker:ubuntu:15.10 -V /a:/b ls", "shifter", "docker:ubuntu:15.10"),
        ("shifter -E -i ubuntu:15.10 ls --image=other", "shifter", "ubuntu:15.10"),
        ("sarus --debug run --mpi --mount=type=bind,src=/a,dst=/b ethcscs/app:1 ls", "sarus", "ethcscs/app:1"),
        ("enroot start --rw -m /a:/b ubuntu ls", "enroot", "ubuntu"),
        ("srun -n 4 --container-image=nvcr.io#nvidia/cuda:12 --container-mounts=/a:/b,/c python x", "enroot",
         "nvcr.io#nvidia/cuda:12"),
        ("srun --container-image ubuntu ls", "enroot", "ubuntu"),
    ],
)  # fmt: skip
def test_an_image_of_a_registry(line: str, kind: str, image: str) -> None:
    start = started(line)
    assert (start.kind, start.image, start.path, start.container) == (kind, image, None, None)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("apptainer exec tools.sif ls", "/work/here/tools.sif"),
        ("apptainer run --app x --writable-tmpfs -w ../up.sif", "/work/up.sif"),
        ("singularity shell -B '/with blank:/x' '/images/ä #1.simg'", "/images/ä #1.simg"),
        ("apptainer instance start -B /data x.sif name", "/work/here/x.sif"),
        ("ch-run -w --set-env=A=b -b /a:/b ./image -- echo hi", "/work/here/image"),
        ("ch-run --set-env /images/x.sqfs -- echo hi", "/images/x.sqfs"),
        ("enroot start ./x.sqsh ls", "/work/here/x.sqsh"),
        ("srun --container-image=/images/x.sqsh ls", "/images/x.sqsh"),
        ("podman run --rootfs tree:O ls", "/work/here/tree"),
        ("podman run docker-archive:img.tar:name ls", "/work/here/img.tar"),
    ],
)
def test_an_image_that_is_a_file_or_a_folder(line: str, path: str) -> None:
    assert started(line).path == path


@pytest.mark.parametrize(
    "line",
    ["podman", "podman images", "podman build -t x .", "podman run", "podman run --rm", "docker ps -a", "sarus images",
     "apptainer build x.sif docker://y", "apptainer", "apptainer instance list", "enroot import docker://x", "ch-run",
     "srun hostname", "ls podman run x", "sh -c 'podman run x'"],
)  # fmt: skip
def test_what_starts_no_container(line: str) -> None:
    assert read(shlex.split(line), CWD) is None


@pytest.mark.parametrize(
    "line", ["docker compose run web", "shifter ls", "srun --container-name=x ls", "enroot exec 12 ls"]
)
def test_what_starts_one_without_naming_the_image(line: str) -> None:
    assert isinstance(read(shlex.split(line), CWD), Unclear)


def test_containers_that_are_there_already() -> None:
    assert started("docker exec -it -e A=b web ls").container == "web"
    assert started("podman start -a web").container == "web"
    assert started("apptainer exec instance://web ls").container == "web"
    assert started("apptainer instance start x.sif web").makes == "web"
    assert started("podman run --name=web x").makes == "web"


def test_the_engine_is_asked_with_its_own_options() -> None:
    assert started("/opt/podman --root /s -c far run --root x img").engine == (
        "/opt/podman",
        "--root",
        "/s",
        "-c",
        "far",
    )


def test_places_of_the_machine_that_are_mounted() -> None:
    assert started("podman run -v /a:/x -v named:/y -v ./b:/z --mount type=bind,src=/c,dst=/q i").reaches == (
        "/a",
        f"{CWD}/b",
        "/c",
    )
    assert started("apptainer exec -B /a,/b:/c:ro --home /h i.sif").reaches == ("/a", "/b", "/h")


@pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed")
@pytest.mark.parametrize(
    ("command", "grammar"),
    [(["run"], container_options.OCI_RUN), (["create"], container_options.OCI_RUN),
     (["exec"], container_options.OCI_EXEC)],
)  # fmt: skip
def test_the_options_are_those_of_podman(command: list[str], grammar: container_options.Grammar) -> None:
    text = subprocess.run(["podman", *command, "--help"], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^ {2,6}(?:-(\w), )?--([\w-]+)( ?)(\S*)", text.partition("Options:")[2], re.MULTILINE)
    assert len(found) > 5
    for short, long, _, value in found:
        # What stands alone has nothing but blanks in front of its explanation.
        takes_none = not value
        assert (long in grammar.long) == takes_none, long
        if short:
            assert (short in grammar.short) == takes_none, short


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("python", ("docker.io", "library/python", "latest", None)),
        ("user/tool:1.2", ("docker.io", "user/tool", "1.2", None)),
        ("index.docker.io/user/tool:1.2", ("docker.io", "user/tool", "1.2", None)),
        ("localhost/small:1", ("localhost", "small", "1", None)),
        ("quay.io:443/a/b/c", ("quay.io:443", "a/b/c", "latest", None)),
        ("a/b@sha256:" + "0" * 64, ("docker.io", "a/b", None, "0" * 64)),
        ("ghcr.io/a/b:t@sha256:" + "0" * 64, ("ghcr.io", "a/b", "t", "0" * 64)),
        ("docker://ghcr.io/a/b:t", ("ghcr.io", "a/b", "t", None)),
        ("docker:ubuntu:15.10", ("docker.io", "library/ubuntu", "15.10", None)),
        ("ada@nvcr.io#nvidia/cuda:12", ("nvcr.io", "nvidia/cuda", "12", None)),
        ("docker://ada:pw@ghcr.io/a/b", ("ghcr.io", "a/b", "latest", None)),
    ],
)
def test_names_of_images(reference: str, parts: tuple[str | None, ...]) -> None:
    name = container_names.parse(reference)
    assert name is not None
    assert (name.registry, name.name, name.tag, name.sha256) == parts


@pytest.mark.parametrize("reference", ["", ":", "/", "a b", "a//", "a:b:c/d", "\udc80", "x@y", "a\n"])
def test_what_is_no_name_of_an_image(reference: str) -> None:
    assert container_names.parse(reference) is None


NAMES = st.from_regex(r"[a-z0-9]{1,8}([._-][a-z0-9]{1,4})?(/[a-z0-9]{1,8}){0,2}", fullmatch=True)


@given(
    st.sampled_from(["ghcr.io", "localhost", "localhost:5000", "r.example.org:443"]),
    NAMES,
    st.one_of(st.none(), st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)),
    st.one_of(st.none(), st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
)
def test_a_name_that_was_put_together_comes_apart_again(
    registry: str, name: str, tag: str | None, digest: str | None
) -> None:
    reference = f"{registry}/{name}" + (f":{tag}" if tag else "") + (f"@sha256:{digest}" if digest else "")
    found = container_names.parse(reference)
    assert found == container_names.ImageName(name, registry, tag or (None if digest else "latest"), digest)


ENGINES = ["podman", "docker", "apptainer", "singularity", "ch-run", "shifter", "sarus", "enroot", "srun", "nerdctl"]
WORDS = st.one_of(
    st.sampled_from(["run", "exec", "instance", "start", "create", "compose", "--", "-", "-v", "--mount", "--image",
                     "--container-image", "--root", "instance://", "docker://", "--rootfs", "container", "oci:"]),
    st.text(max_size=12),
)  # fmt: skip


@given(st.sampled_from(ENGINES), st.lists(WORDS, max_size=8))
@example("podman", ["run", "-v", ""])
@example("apptainer", ["instance"])
def test_any_command_line_can_be_read(engine: str, words: list[str]) -> None:
    start = read([engine, *words], CWD)
    assert start is None or isinstance(start, (Start, Unclear))
    if isinstance(start, Start):
        assert start.path is None or start.path.startswith("/")
        container_names.parse(start.image)
