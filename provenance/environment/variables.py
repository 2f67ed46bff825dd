"""Which environment variables may be recorded; everything that is not named here stays out.

In: the environment. Out: the allowed part of it, without anything that looks like a credential.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from provenance.journal.credentials import holds_credential, looks_like_credential

# Name (or prefix, when it ends in *) -> why it matters to someone who wants to run this again.
ALLOWED = {
    # The job: what was asked of the batch system. Not SLURM_JOB_USER, *_UID, *_GID, *_ACCOUNT: who asked.
    "SLURM_JOB_ID": "finds the job in the site's accounting",
    "SLURM_JOBID": "the same, older name",
    "SLURM_JOB_NAME": "what the job was called",
    "SLURM_JOB_PARTITION": "kind of nodes",
    "SLURM_JOB_QOS": "limits of the job",
    "SLURM_JOB_NUM_NODES": "size of the job",
    "SLURM_JOB_NODELIST": "hosts of the job",
    "SLURM_JOB_CPUS_PER_NODE": "size of the job",
    "SLURM_JOB_GPUS": "which accelerators",
    "SLURM_JOB_START_TIME": "when the job began",
    "SLURM_JOB_END_TIME": "time limit",
    "SLURM_NNODES": "size of the job",
    "SLURM_NPROCS": "number of processes",
    "SLURM_NTASKS": "number of processes",
    "SLURM_NTASKS_PER_NODE": "placement of processes",
    "SLURM_NTASKS_PER_CORE": "placement of processes",
    "SLURM_NTASKS_PER_SOCKET": "placement of processes",
    "SLURM_TASKS_PER_NODE": "placement of processes",
    "SLURM_CPUS_PER_TASK": "threads of a process",
    "SLURM_CPUS_ON_NODE": "processors on this host",
    "SLURM_CPU_BIND": "placement of threads",
    "SLURM_THREADS_PER_CORE": "hyper-threading",
    "SLURM_MEM_PER_CPU": "memory asked for",
    "SLURM_MEM_PER_GPU": "memory asked for",
    "SLURM_MEM_PER_NODE": "memory asked for",
    "SLURM_GPUS": "accelerators asked for",
    "SLURM_GPUS_ON_NODE": "accelerators on this host",
    "SLURM_GPUS_PER_NODE": "accelerators asked for",
    "SLURM_GPUS_PER_TASK": "accelerators asked for",
    "SLURM_CLUSTER_NAME": "name of the machine",
    "SLURM_ARRAY_JOB_ID": "array that the job belongs to",
    "SLURM_ARRAY_TASK_ID": "often a parameter of the computation",
    "SLURM_ARRAY_TASK_COUNT": "size of the array",
    "SLURM_ARRAY_TASK_MIN": "size of the array",
    "SLURM_ARRAY_TASK_MAX": "size of the array",
    "SLURM_ARRAY_TASK_STEP": "size of the array",
    "SLURM_PROCID": "rank of the process",
    "SLURM_NODEID": "rank of the host",
    "SLURM_LOCALID": "rank on the host",
    "SLURM_DISTRIBUTION": "placement of processes",
    "PBS_JOBID": "finds the job in the site's accounting",
    "PBS_JOBNAME": "what the job was called",
    "PBS_QUEUE": "kind of nodes",
    "PBS_NUM_NODES": "size of the job",
    "PBS_NP": "number of processes",
    "PBS_ARRAY_INDEX": "often a parameter of the computation",
    "LSB_JOBID": "finds the job in the site's accounting",
    "LSB_JOBNAME": "what the job was called",
    "LSB_QUEUE": "kind of nodes",
    "LSB_DJOB_NUMPROC": "number of processes",
    "LSB_JOBINDEX": "often a parameter of the computation",
    # COMPSs: where it is installed and how it runs. Not COMPSS_*: that dumps paths and user names wholesale.
    "COMPSS_HOME": "which installation of COMPSs",
    "COMPSS_VERSION": "which version of COMPSs",
    "COMPSS_PYTHON_VERSION": "which Python COMPSs uses",
    "COMPSS_MASTER_NODE": "host of the master",
    "COMPSS_WORKER_NODES": "hosts of the workers",
    "COMPSS_WORKER_INIT_TIMEOUT": "start-up limit",
    "COMPSS_MPI_TYPE": "which MPI tasks use",
    "COMPSS_NUM_CPUS": "processors of a worker",
    "COMPSS_NUM_THREADS": "threads of a task",
    "COMPSS_NUM_NODES": "nodes of a task",
    "COMPSS_HOSTNAMES": "hosts of a task",
    # Threads and libraries: they change speed and the last digits of results.
    "OMP_*": "OpenMP",
    "GOMP_*": "GNU OpenMP",
    "KMP_*": "Intel OpenMP",
    "MKL_*": "Intel's mathematics library",
    "OPENBLAS_*": "OpenBLAS",
    "BLIS_NUM_THREADS": "BLIS",
    "VECLIB_MAXIMUM_THREADS": "Apple's mathematics library",
    "NUMEXPR_NUM_THREADS": "NumExpr",
    "NUMEXPR_MAX_THREADS": "NumExpr",
    "NUMBA_NUM_THREADS": "Numba",
    "NUMBA_DISABLE_JIT": "Numba",
    "NUMBA_THREADING_LAYER": "Numba",
    "NPY_DISABLE_CPU_FEATURES": "NumPy's choice of kernels",
    "JULIA_NUM_THREADS": "Julia",
    "JULIA_PROJECT": "which environment",
    "RAYON_NUM_THREADS": "Rust libraries",
    "POLARS_MAX_THREADS": "Polars",
    # Accelerators
    "CUDA_VISIBLE_DEVICES": "which accelerators",
    "CUDA_DEVICE_ORDER": "numbering of accelerators",
    "CUDA_LAUNCH_BLOCKING": "order of kernels",
    "CUBLAS_WORKSPACE_CONFIG": "deterministic results",
    "ROCR_VISIBLE_DEVICES": "which accelerators",
    "HIP_VISIBLE_DEVICES": "which accelerators",
    "ZE_AFFINITY_MASK": "which accelerators",
    "XLA_FLAGS": "compiler of JAX and TensorFlow",
    "TF_DETERMINISTIC_OPS": "deterministic results",
    "TF_ENABLE_ONEDNN_OPTS": "last digits of results",
    "PYTORCH_CUDA_ALLOC_CONF": "memory of accelerators",
    # Language and time: sorting, formats of numbers and dates.
    "LANG": "sorting and formats",
    "LANGUAGE": "messages",
    "LC_*": "sorting and formats",
    "TZ": "local time",
    "SOURCE_DATE_EPOCH": "time stamps in what is built",
    # Interpreter and environment
    "PYTHONHASHSEED": "order of sets",
    "PYTHONPATH": "where modules come from",
    "PYTHONOPTIMIZE": "assertions switched off",
    "PYTHONUTF8": "encoding of files",
    "PYTHONIOENCODING": "encoding of streams",
    "PYTHONNOUSERSITE": "where modules come from",
    "VIRTUAL_ENV": "which environment",
    "CONDA_DEFAULT_ENV": "which environment",
    "CONDA_PREFIX": "which environment",
    "R_LIBS": "where packages come from",
    "R_LIBS_USER": "where packages come from",
    "LOADEDMODULES": "software modules of the site",
    "LMOD_SYSTEM_NAME": "name of the machine",
    "BSC_MACHINE": "name of the machine",
}

_EXACT = frozenset(name for name in ALLOWED if not name.endswith("*"))
_PREFIXES = tuple(name[:-1] for name in ALLOWED if name.endswith("*"))
_LONGEST = 4096  # characters; LOADEDMODULES and XLA_FLAGS are long, but not longer


def allowed(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that may be recorded, sorted by name; of ``os.environ`` when none is given.

    A variable whose name or value looks like a credential is left out even when its name is allowed.
    """
    found = os.environ if environment is None else environment
    return {
        name: value[:_LONGEST]
        for name, value in sorted(found.items())
        if (name in _EXACT or name.startswith(_PREFIXES))
        and not looks_like_credential(name)
        and not holds_credential(value)
    }
