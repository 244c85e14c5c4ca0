"""One supervisor per recovery store, known to those who want to speak with it.

The lock's file is held open by the supervisor and by its workers, so that a successor of a killed
supervisor waits for the workers that it left, which end by themselves.
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from operators.model.errors import ConfigError, StateError

LOCK_NAME: Final = ".supervisor"
STATE_NAME: Final = "supervisor.json"
WISH_NAME: Final = "rescale.json"
NAMES: Final = frozenset({LOCK_NAME, STATE_NAME, WISH_NAME})
"""What this module leaves in a recovery directory."""
_POLL_S: Final = 0.1


class LiveLock:
    """The lock of one recovery directory, and what its holder tells of itself."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._fd: int | None = None

    @property
    def fd(self) -> int:
        """For workers to hold open."""
        assert self._fd is not None
        return self._fd

    def take(self, within_s: float, on_wait: Callable[[int], None]) -> None:
        """Hold it from now on.

        Args:
            within_s: How long to wait for workers that a killed supervisor has left.
            on_wait: Called once with the process id of the holder, if there is one.

        Raises:
            StateError: The directory cannot be used, or another supervisor works on it.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StateError(
                f"recovery.directory: {self._directory} cannot be written: {error.strerror}; make "
                "it writable or name another folder"
            ) from error
        deadline_s = time.monotonic() + within_s
        has_waited = False
        while not _locked(self._fd):
            holder = told(self._directory).get("pid", 0)
            if _is_alive(holder) or time.monotonic() > deadline_s:
                raise StateError(
                    f"{self._directory}: another `ifd live` works on this recovery store (process "
                    f"{holder or 'unknown'}): stop it, or name another recovery.directory"
                )
            if not has_waited:
                has_waited = True
                on_wait(holder)
            time.sleep(_POLL_S)

    def tell(self, state: str, processes: int, restarts: int) -> None:
        """What it does now, for whoever asks."""
        _write(
            self._directory / STATE_NAME,
            {"pid": os.getpid(), "state": state, "processes": processes, "restarts": restarts},
        )

    def wish(self) -> int | None:
        """The number of processes that somebody has asked for, once."""
        file = self._directory / WISH_NAME
        wanted = _read(file).get("processes")
        file.unlink(missing_ok=True)
        return wanted if isinstance(wanted, int) else None

    def release(self) -> None:
        """Let it go."""
        if self._fd is not None:
            (self._directory / STATE_NAME).unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = None


def told(directory: Path) -> dict[str, Any]:
    """What the supervisor of a directory told last; empty without one."""
    return _read(directory / STATE_NAME)


def ask_for(directory: Path, processes: int, within_s: float) -> None:
    """Have the running supervisor stop and start with so many processes, and wait for it.

    Raises:
        ConfigError: None runs there, it ends meanwhile, or it does not come to that in time.
    """
    pid = told(directory).get("pid", 0)
    if not _is_alive(pid):
        raise ConfigError(f"--rescale: no `ifd live` runs on {directory}: start it, then rescale")
    _write(directory / WISH_NAME, {"processes": processes})
    os.kill(pid, signal.SIGHUP)
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        found = told(directory)
        is_taken = not (directory / WISH_NAME).exists()
        if is_taken and found.get("state") == "at work" and found.get("processes") == processes:
            return
        if not _is_alive(pid):
            raise ConfigError("--rescale: the supervisor has ended; its last line says why")
        time.sleep(_POLL_S)
    raise ConfigError(f"--rescale: not done within {within_s:.0f} s; see what the supervisor says")


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(json.dumps(content) + "\n")
    part.rename(file)
