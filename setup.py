"""Builds the libc shim; everything else stands in pyproject.toml.

The shim is a plain shared library, not a Python module: it is loaded with LD_PRELOAD into the programs of a
recorded run. Where no compiler is found the install goes on without it and recording falls back.
"""

import sys
from pathlib import Path

from setuptools import Extension, setup

SHIM = Extension(
    "provenance.recording._shim",
    sources=["provenance/recording/shim.c"],
    depends=sorted(str(path) for path in Path("provenance/recording/shim").glob("*.h")),
    extra_compile_args=["-O2", "-std=gnu11", "-fvisibility=hidden", "-ftls-model=initial-exec"],
    libraries=["dl", "pthread"],
    # Few segments: each costs a system call at the start of every program.
    extra_link_args=["-Wl,-z,noseparate-code", "-Wl,--as-needed"],
    optional=True,
    py_limited_api=True,
)

setup(ext_modules=[SHIM] if sys.platform.startswith("linux") else [])
