"""What is found out about the machine and the job, from files laid out as kernels and drivers do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.environment.machine import accelerators, host, job, limits


def put(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def test_this_machine(tmp_path: Path) -> None:
    found = host.describe(str(tmp_path))
    assert found["cpu_count"] == len(os.sched_getaffinity(0))
    assert found["memory"] > 0
    assert found["file_system"]
    assert found["microarchitecture"]
    assert found["features"] == sorted(found["features"])


def mounts(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "mountinfo"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="surrogateescape")
    return str(path)


def test_the_longest_mount_point_above_the_folder_tells_the_file_system(tmp_path: Path) -> None:
    listed = mounts(
        tmp_path,
        "22 1 0:21 / / rw - overlay overlay rw",
        "23 22 0:22 / /gpfs rw,relatime shared:1 master:2 - gpfs scratch rw",
        "24 23 0:23 / /gpfs/home rw - nfs4 server:/home rw",
        "25 23 0:23 / /gpfs/homes rw - lustre a@tcp:/b rw",
        "a line that is none",
    )
    assert host.file_system("/gpfs/home/ada", listed) == "nfs4"
    assert host.file_system("/gpfs/homely", listed) == "gpfs"
    assert host.file_system("/gpfs/homes", listed) == "lustre"
    assert host.file_system("/somewhere", listed) == "overlay"


def test_what_was_mounted_later_hides_what_was_there(tmp_path: Path) -> None:
    listed = mounts(tmp_path, "1 0 0:1 / /data rw - ext4 /dev/a rw", "2 1 0:2 / /data rw - xfs /dev/b rw")
    assert host.file_system("/data/run", listed) == "xfs"


@given(st.binary(min_size=1, max_size=20).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_any_name_of_a_mount_point_is_understood(tmp_path_factory: pytest.TempPathFactory, name: bytes) -> None:
    if name in (b".", b".."):
        return
    escaped = "".join(f"\\{byte:03o}" if byte in b" \t\n\\" else os.fsdecode(bytes([byte])) for byte in name)
    listed = tmp_path_factory.getbasetemp() / "mountinfo"
    listed.write_bytes(b"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /mnt/" + os.fsencode(escaped) + b" rw - beegfs b rw\n")
    assert host.file_system(f"/mnt/{os.fsdecode(name)}/run", str(listed)) == "beegfs"


def test_no_list_of_mounts(tmp_path: Path) -> None:
    assert host.file_system("/", str(tmp_path / "missing")) is None


def test_limits_of_version_2_count_from_all_groups_above(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "0::/slurm/job_1/step\n")
    put(tmp_path, "sys/fs/cgroup/slurm/job_1/memory.max", "4000000000\n")
    put(tmp_path, "sys/fs/cgroup/slurm/job_1/step/memory.max", "max\n")
    put(tmp_path, "sys/fs/cgroup/slurm/cpu.max", "250000 100000\n")
    put(tmp_path, "sys/fs/cgroup/slurm/job_1/cpu.max", "max 100000\n")
    assert limits.of_control_groups(tmp_path) == (4_000_000_000, 2.5)


def test_limits_of_version_1(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/b\n1:name=systemd:/c\n")
    put(tmp_path, "sys/fs/cgroup/memory/b/memory.limit_in_bytes", "1073741824\n")
    put(tmp_path, "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n")
    put(tmp_path, "sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n")
    assert limits.of_control_groups(tmp_path) == (1073741824, None)


def test_limits_seen_from_within_a_container_stand_at_the_top(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "4:memory:/docker/0123\n")
    put(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "512\n")
    assert limits.of_control_groups(tmp_path)[0] == 512


def test_no_limits(tmp_path: Path) -> None:
    assert limits.of_control_groups(tmp_path) == (None, None)


def test_nvidia_s_driver_tells_models_and_its_version(tmp_path: Path) -> None:
    put(
        tmp_path,
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Tue Mar  5 22:42:15 UTC 2024\nGCC version: 12\n",
    )
    for bus in ("0000:41:00.0", "0000:01:00.0"):
        model = "Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 173\nGPU UUID: \t GPU-0\n"
        put(tmp_path, f"proc/driver/nvidia/gpus/{bus}/information", model)
    one = {"name": "NVIDIA A100-SXM4-40GB", "vendor": "NVIDIA", "driver": "535.161.08"}
    assert accelerators.describe(tmp_path) == [one, one]


def test_the_open_driver_of_nvidia_tells_its_version_too(tmp_path: Path) -> None:
    line = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (dvs-builder@U16)\n"
    put(tmp_path, "proc/driver/nvidia/version", line)
    put(tmp_path, "proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t NVIDIA H100\n")
    assert accelerators.describe(tmp_path)[0]["driver"] == "550.54.15"


def test_cards_of_other_makers_are_told_by_the_kernel(tmp_path: Path) -> None:
    device = tmp_path / "sys/devices/pci0000:00/0000:c1:00.0"
    driver = tmp_path / "sys/bus/pci/drivers/amdgpu"
    driver.mkdir(parents=True)
    for name, text in {
        "vendor": "0x1002",
        "device": "0x740f",
        "product_name": "Instinct MI210",
        "mem_info_vram_total": "68702699520",
    }.items():
        put(device, name, f"{text}\n")
    (device / "driver").symlink_to(driver)
    put(tmp_path, "sys/module/amdgpu/version", "6.3.6\n")
    for card in ("card1", "card1-DP-1", "renderD128"):
        (tmp_path / "sys/class/drm" / card).mkdir(parents=True)
        (tmp_path / "sys/class/drm" / card / "device").symlink_to(device)
    put(tmp_path, "sys/class/drm/card0/device/vendor", "0x1a03\n")  # a server's display
    put(tmp_path, "sys/class/drm/card2/device/vendor", "0x8086\n")
    put(tmp_path, "sys/class/drm/card2/device/device", "0x0bd5\n")
    assert accelerators.describe(tmp_path) == [
        {"name": "Instinct MI210", "vendor": "AMD", "driver": "amdgpu 6.3.6", "memory": 68702699520},
        {"name": "Intel GPU 0x0bd5", "vendor": "Intel"},
    ]


def test_no_accelerators(tmp_path: Path) -> None:
    assert accelerators.describe(tmp_path) == []


SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_JOB_NAME": "my job",
    "SLURM_JOB_PARTITION": "gp_debug",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_NTASKS": "8",
    "SLURM_CPUS_PER_TASK": "14",
    "SLURM_JOB_NODELIST": "gs01r1b[02-03]",
    "SLURM_JOB_START_TIME": "1700000000",
    "SLURM_JOB_END_TIME": "1700007200",
    "SLURM_JOB_ACCOUNT": "secret_account",
    "SLURM_JOB_USER": "ada",
}


def test_a_job_of_slurm() -> None:
    assert job.describe(SLURM) == {
        "scheduler": "Slurm",
        "id": "4711",
        "name": "my job",
        "partition": "gp_debug",
        "nodes": 2,
        "tasks": 8,
        "cpus_per_task": 14,
        "time_limit": 7200,
        "node_list": "gs01r1b[02-03]",
    }


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PBS_JOBID": "1.server", "PBS_QUEUE": "long", "PBS_NP": "4", "PBS_WALLTIME": "60"}, ("PBS", "1.server", 60)),
        ({"LSB_JOBID": "7", "LSB_QUEUE": "normal"}, ("LSF", "7", None)),
        ({"JOB_ID": "9", "SGE_ROOT": "/sge", "NSLOTS": "4"}, ("Grid Engine", "9", None)),
        ({"FLUX_JOB_ID": "f2", "FLUX_JOB_SIZE": "4"}, ("Flux", "f2", None)),
    ],
)
def test_jobs_of_other_systems(variables: dict[str, str], expected: tuple[object, ...]) -> None:
    found = job.describe(variables)
    assert (found["scheduler"], found["id"], found.get("time_limit")) == expected


@pytest.mark.parametrize("variables", [{}, {"JOB_ID": "9"}, {"SLURM_JOB_ID": ""}, {"SLURM_NTASKS": "4"}])
def test_no_job(variables: dict[str, str]) -> None:
    assert job.describe(variables) == {}


@given(st.dictionaries(st.sampled_from(sorted(SLURM)), st.text(max_size=20)))
def test_whatever_stands_in_the_variables(variables: dict[str, str]) -> None:
    for value in job.describe(variables).values():
        assert isinstance(value, (str, int))
