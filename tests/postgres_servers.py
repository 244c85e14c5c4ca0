"""A PostgreSQL of the project's own, from Debian's package, as an unprivileged user on loopback.

`python -m tests.postgres_servers` runs one until it is interrupted and says its address.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from dataflows.supervisor import free_ports

START_S: Final = 60
PASSWORD: Final = "secret-of-tests"
USER: Final = "ifd"
SERVER_USER: Final = "postgres"
"""Whom the server runs as where the tests run as root, which it refuses."""


def programs() -> Path:
    """Folder of initdb and pg_ctl: the newest of Debian's, or where the path has them."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = debian[-1] if debian else shutil.which("initdb")
    if found is None:
        raise RuntimeError("PostgreSQL is needed (Debian and Ubuntu: apt install postgresql)")
    return Path(found).parent


class PostgresServer:
    """One cluster on loopback; its data outlives a stop, so that it can be started again."""

    def __init__(self) -> None:
        self._programs = programs()
        # Not below pytest's folder, which another user may not enter.
        self._folder = Path(tempfile.mkdtemp(prefix="ifd-postgres-"))
        (self._port,) = free_ports(1)
        self._user = SERVER_USER if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """Address of a database of it."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self._port}/{database}"

    def start(self) -> Self:
        """Make the cluster if need be, start it and wait until it answers."""
        if not self._data.exists():
            self._make()
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder} -F"
        log = self._folder / "log"
        self._run(
            "pg_ctl", "-D", self._data, "-w", "-t", START_S, "-l", log, "-o", options, "start"
        )
        return self

    def stop(self, *, hard: bool = False) -> None:
        """Stop it, connections or not; `hard`: as if the machine had failed."""
        mode = "immediate" if hard else "fast"
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "-t", START_S, "stop")

    def close(self) -> None:
        """Stop it and remove all it held."""
        if (self._data / "postmaster.pid").exists():
            self.stop(hard=True)
        shutil.rmtree(self._folder)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _make(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._user:
            shutil.chown(password, self._user)
        words = ("-D", self._data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={password}")
        # A locale whose order of names is not that of their bytes: nothing may depend on it.
        self._run("initdb", *words, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def _run(self, program: str, *words: object) -> None:
        # Into a file: a pipe would be inherited by the server and never end.
        with (self._folder / f"{program}.log").open("w+b") as told:
            command = [str(self._programs / program), *map(str, words)]
            done = subprocess.run(
                command,
                user=self._user,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                timeout=2 * START_S,
            )
            if done.returncode:
                told.seek(0)
                raise RuntimeError(f"{program}: {told.read().decode(errors='replace')[-2_000:]}")


def main() -> None:
    """Run a server until interrupted."""
    with PostgresServer() as server:
        sys.stdout.write(f"{server.url()}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            sys.stdin.read()


if __name__ == "__main__":
    main()
