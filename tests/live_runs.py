"""`ifd live` in processes of its own: started, watched by what it says, killed, and never left."""

import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Condition, Thread
from typing import Self

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from dataflows.live_lock import told
from operators.model.streams import PRESSURE, topic
from tests.flows import PARTITIONS, ROOT, ifd, quiet_env, wait_for

DEADLINE_S = 240.0


class LiveRun:
    """A supervisor and its workers; a file in `folder` holds what SIGHUP reads anew."""

    def __init__(
        self,
        folder: Path,
        given: Mapping[str, object],
        *words: object,
        program: Sequence[str] = ("-m", "dataflows.cli.main"),
        env: Mapping[str, str] | None = None,
        file: Mapping[str, object] | None = None,
    ) -> None:
        """Nothing is started yet; `given` stays, while what `file` says may be changed."""
        self.folder = folder
        self.directory = folder / "store"
        self._given = {"recovery.epoch_s": 1.0, "recovery.reserve_bytes": 0, **given}
        self._words = [*program, "live", "--recovery", str(self.directory), *map(str, words)]
        self._env = {**quiet_env(self._given), "PYTHONPATH": str(ROOT), **(env or {})}
        self._env.pop("DATABENTO_API_KEY", None)
        self.lines: list[str] = []
        self._changed = Condition()
        self.write(file or {})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        processes = [*self.workers(), self.process]
        for process in processes:
            process.kill()
        psutil.wait_procs([p for p in processes if isinstance(p, psutil.Process)], DEADLINE_S)
        self._end()

    def start(self) -> None:
        """Start it, for the first time or again."""
        self.process = subprocess.Popen(
            [sys.executable, *self._words],
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def write(self, variables: Mapping[str, object]) -> None:
        """Settings of its folder; see `change`."""
        lines = (f"IFD_{k.replace('.', '__').upper()}={v}\n" for k, v in variables.items())
        (self.folder / ".env").write_text("".join(lines))

    def change(self) -> None:
        """Have it stop and start with the settings of now."""
        self.process.send_signal(signal.SIGHUP)

    def rescale(self, processes: int) -> None:
        """Have it go on with so many, as a user would."""
        done = ifd("live", "--recovery", self.directory, "--rescale", processes)
        assert done.returncode == 0, done.stderr + self.text
        assert f"at work with {processes}" in done.stderr

    def workers(self) -> list[psutil.Process]:
        """Worker processes of whichever supervisor, those that are left behind included."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "dataflows.worker:flow" in words and str(self.directory) in words:
                found.append(process)
        return found

    def is_at_work(self) -> bool:
        """Whether it says so now."""
        return told(self.directory).get("state") == "at work"

    def wait_said(self, pattern: str, count: int = 1) -> None:
        """Until so many lines match."""

        def said() -> bool:
            return self.count(pattern) >= count or self.process.poll() is not None

        with self._changed:
            assert self._changed.wait_for(said, DEADLINE_S), self.text
        assert self.count(pattern) >= count, self.text

    def count(self, pattern: str) -> int:
        """Lines so far that match."""
        return sum(re.search(pattern, line) is not None for line in self.lines)

    def progress(self, servers: str) -> None:
        """Until more of the market has come out: the pressure of some further seconds."""
        consumer = Consumer({"bootstrap.servers": servers, "group.id": "ifd-tests-progress"})
        name = topic(PRESSURE)

        def seconds() -> int:
            places = [TopicPartition(name, number) for number in range(PARTITIONS)]
            try:
                return sum(consumer.get_watermark_offsets(each, timeout=30)[1] for each in places)
            except KafkaException:
                return 0  # Nobody has made the topic yet.

        try:
            seen = seconds()
            wait_for(lambda: seconds() > seen + 4 * PARTITIONS or self.is_over(), "progress")
            assert not self.is_over(), self.text
        finally:
            consumer.close()

    def is_over(self) -> bool:
        """Whether the supervisor has ended."""
        return self.process.poll() is not None

    def end(self, number: signal.Signals | None = signal.SIGTERM) -> int:
        """Its exit code, after this signal if there is one; it leaves no worker."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self._end()
        wait_for(lambda: not self.workers(), "workers end with their supervisor", DEADLINE_S)
        return code

    def kill(self) -> None:
        """SIGKILL to the supervisor alone: its workers end by themselves."""
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self._end()

    @property
    def text(self) -> str:
        """All it said."""
        return "\n".join(self.lines)

    def _read(self, stream: "subprocess.IO[str]") -> None:
        for line in stream:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _end(self) -> None:
        self._reader.join(DEADLINE_S)
        assert self.process.stderr is not None
        self.process.stderr.close()
        self.process.wait(DEADLINE_S)
