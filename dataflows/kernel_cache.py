"""Where compiled kernels are kept: a folder per state of the sources.

numba notices a change in a kernel's own file, not in a file it calls. A stale kernel would run
silently, so the cache's folder is named after a hash of every file that holds one and of all that
these import, directly or not: what else changes does not cost half a minute of compiling.
"""

import hashlib
import os
import re
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent
_FOLDERS: Final = ("operators", "connectors", "simulator")
_UNUSED_S: Final = 7 * 86_400
_STAMP_DIGITS: Final = 16
_KERNELS: Final = re.compile(r"\bnumba\b|\boperators\.kernels\b|^@.*\ndef ", re.MULTILINE)
"""In every file that holds a kernel: where its decorator comes from, or a decorated function."""
_IMPORT: Final = re.compile(
    r"^[ ]*(?:from ([\w.]+) import (?:\(([^)]*)\)|([^(\n]*))|import ([\w.]+))", re.MULTILINE
)


def use_kernel_cache() -> Path:
    """Point numba at the folder for these sources; those unused for a week are removed.

    The folder lies in `NUMBA_CACHE_DIR` if that is set, else in `.cache/kernels` of the project,
    else (a read-only checkout) in the folder for temporary files. Call it before any kernel is
    imported. It tells numba through the environment, which processes started from here inherit,
    and does not import it: a command's help should not wait for that.
    """
    stamp = _stamp()
    for base in _bases():
        # Already the folder for these sources, where a parent process has told it.
        folder = base if base.name == stamp else base / stamp
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK) or any(folder.iterdir()):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            if "numba" in sys.modules:
                sys.modules["numba"].config.CACHE_DIR = str(folder)
            _prune(folder.parent, folder)
            return folder
    return Path(os.environ.get("NUMBA_CACHE_DIR", ""))


def is_cold() -> bool:
    """Whether the folder in use holds nothing yet: the next kernels will be compiled."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR", ""))
    return not any(folder.rglob("*.nbi"))


def _bases() -> list[Path]:
    given = os.environ.get("NUMBA_CACHE_DIR")
    own = [Path(given)] if given else [_ROOT / ".cache" / "kernels"]
    return [*own, Path(tempfile.gettempdir()) / f"ifd-kernels-{os.getuid()}"]


def _stamp() -> str:
    digest = hashlib.sha256()
    for package in ("numba", "numpy", "llvmlite"):
        digest.update(version(package).encode())
    for name, text in sorted(_kernel_sources().items()):
        digest.update(f"{name}:{len(text)}:{text}".encode())
    return digest.hexdigest()[:_STAMP_DIGITS]


def _kernel_sources() -> dict[str, str]:
    """Dotted name → text of every module that holds a kernel or that one of them imports."""
    texts: dict[str, str] = {}
    for folder in _FOLDERS:
        for file in (_ROOT / folder).rglob("*.py"):
            name = ".".join(file.relative_to(_ROOT).with_suffix("").parts)
            texts[name] = file.read_text()
    waiting = [name for name, text in texts.items() if _KERNELS.search(text)]
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name in texts and name not in found:
            found[name] = texts[name]
            waiting += _imported(texts[name])
    return found


def _imported(text: str) -> list[str]:
    """Names of all that a module imports; of `from a import b`, `a` and `a.b`."""
    names: list[str] = []
    for origin, several, one, plain in _IMPORT.findall(text):
        parts = re.findall(r"^[ ]*(\w+)|,\s*(\w+)", several or one, re.MULTILINE)
        names += [plain or origin, *(f"{origin}.{a or b}" for a, b in parts)]
    return names


def _prune(base: Path, used: Path) -> None:
    oldest = time.time() - _UNUSED_S
    for path in base.iterdir():
        # Only folders of this kind: another program may keep its kernels beside ours.
        ours = len(path.name) == _STAMP_DIGITS and path.is_dir() and path != used
        if ours and path.stat().st_mtime < oldest:
            rmtree(path, ignore_errors=True)
