"""A small disk of its own for a process: a file system in memory that nobody else sees.

It is mounted in a namespace that ends with the process, so nothing is left behind.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 120.0


def on_small_disk(
    folder: Path,
    size_bytes: int,
    *words: object,
    env: Mapping[str, str] | None = None,
    is_writable: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run Python with these words, `folder` being a disk of that size; skips where none can be."""
    if not may_mount():
        pytest.skip("needs to mount a file system in a namespace of its own")
    return subprocess.run(
        _command(folder, size_bytes, [sys.executable, *map(str, words)], is_writable=is_writable),
        cwd=ROOT,
        env=None if env is None else dict(env),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


@cache
def may_mount() -> bool:
    """Whether this user may."""
    try:
        done = subprocess.run(_command(Path("/mnt"), 2**20, ["true"]), capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def _command(
    folder: Path, size_bytes: int, words: list[str], *, is_writable: bool = True
) -> list[str]:
    own = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    options = f"size={size_bytes}" + ("" if is_writable else ",ro")
    mounted = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
    return [*own, "sh", "-c", mounted, "sh", options, str(folder), *words]
