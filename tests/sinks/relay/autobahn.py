"""Autobahn's fuzzing client against the relay's server: `python -m tests.sinks.relay.autobahn`.

The suite runs on Python 2.7 only; it is put into .cache/autobahn from the package index. The server
is the production one, with its settings and its connections, but for a handler that sends back what
comes and room for the suite's large messages. The report is left in build/autobahn.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from sinks.relay.config import RelayConfig
from sinks.relay.server import serve_settings

ROOT: Final = Path(__file__).resolve().parents[3]
CACHE: Final = ROOT / ".cache" / "autobahn"
REPORT: Final = ROOT / "build" / "autobahn"
SUITE: Final = "autobahntestsuite==25.10.1"
CASES: Final = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
"""All but limits and compression, which take long and which the relay does not offer."""
MESSAGE_BYTES_MAX: Final = 1 << 25
RUN: Final = "from autobahntestsuite.wstest import run; run()"
TIMEOUT_S: Final = 300.0


def python27() -> str | None:
    """A Python 2.7 on the path or among pyenv's versions; None if there is none."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(path) for path in sorted(versions.glob("2.7.*/bin/python2.7"), reverse=True)]
    for name in (shutil.which("python2.7"), *found):
        # A name on the path may be a shim that only says there is none.
        if name and subprocess.run([name, "-c", ""], capture_output=True).returncode == 0:
            return name
    return None


def suite(python: str) -> Path:
    """Folder with the suite in it; installed once."""
    if not (CACHE / "complete").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        command = [python, "-m", "pip", "install", "--quiet", "--target", str(CACHE), SUITE]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"{SUITE} cannot be installed: {done.stderr.strip()[-300:]}")
        # Python 2 finds a package by this file, which the wheel leaves to a .pth file.
        (CACHE / "zope" / "__init__.py").touch()
        (CACHE / "complete").touch()
    return CACHE


async def echo(connection: ServerConnection) -> None:
    """Send back what comes."""
    try:
        while True:
            await connection.send(await connection.recv())
    except ConnectionClosed:
        pass


async def run(python: str) -> dict[str, str]:
    """Case → behaviour, as the suite judged it."""
    where = suite(python)
    settings = serve_settings(RelayConfig()) | {"max_size": MESSAGE_BYTES_MAX}
    async with serve(echo, "127.0.0.1", 0, **settings) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        shutil.rmtree(REPORT, ignore_errors=True)
        REPORT.mkdir(parents=True)
        spec = REPORT / "spec.json"
        spec.write_text(json.dumps(_spec(port)))
        process = await asyncio.create_subprocess_exec(
            *(python, "-c", RUN, "-m", "fuzzingclient", "-s", str(spec)),
            env={**os.environ, "PYTHONPATH": str(where), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await asyncio.wait_for(process.wait(), TIMEOUT_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    (judged,) = json.loads((REPORT / "index.json").read_text()).values()
    return {case: result["behavior"] for case, result in judged.items()}


def _spec(port: int) -> dict[str, Any]:
    return {
        "outdir": str(REPORT),
        "servers": [{"agent": "ifd", "url": f"ws://127.0.0.1:{port}"}],
        "cases": list(CASES),
        "exclude-cases": [],
    }


def main() -> None:
    """Run and print what was found."""
    python = python27()
    if python is None:
        raise SystemExit("no Python 2.7 on the path or among pyenv's versions")
    found = asyncio.run(run(python))
    failed = [case for case, behavior in found.items() if behavior == "FAILED"]
    sys.stdout.write(f"{len(found)} cases: {dict(Counter(found.values()))}, failed: {failed}\n")


if __name__ == "__main__":
    main()
