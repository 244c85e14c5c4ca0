"""The program around a consumer: flags, the loop, a clean stop, one line for what goes wrong.

The order in the loop is what makes it safe to kill at any moment: effects into the journal, journal
onto the disk, then the checkpoint, then the commit. Started again, it reads from the checkpoint and
drops what the journal holds.
"""

import argparse
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Final, Protocol, TextIO

from examples.checkpoint import Checkpoint, load, save
from examples.dead_letters import DeadLetters
from examples.errors import ConsumerError, Malformed
from examples.journal import Entry, Journal, position_of
from examples.message import Message, message, position
from examples.publisher import Publisher
from examples.reader import Reader, ReaderConfig, Record, say, topics_of
from examples.sequence import Sequences

EXIT_USER: Final = 2
WAIT_S: Final = 0.5
"""Longest wait for a record: how late a stop is noticed."""

FINISH_S: Final = 10.0
"""How long a stop waits for what is still to be published."""


class Consumer(Protocol):
    """What an example adds: a decision, and a state that is made of its own entries alone."""

    def take(self, message: Message) -> list[Entry]:
        """What a message leads to: entries for the journal. Changes nothing."""

    def apply(self, entry: Entry) -> None:
        """Take an entry into the state: when it was written, and again at every start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramConfig:
    """Where a program reads, and where it keeps what it did."""

    reader: ReaderConfig = field(default_factory=ReaderConfig)
    state: Path
    """Folder of the journal, the checkpoint and the dead letters."""
    journal: str
    """Name of the journal in it."""
    topic: str = ""
    """Topic that the journal is published on; empty: none."""
    from_beginning: bool = False
    """Read all that the topics hold; without a checkpoint, else only what comes."""
    until_end: bool = False
    """Stop where the topics end."""


class Program:
    """One run of a consumer."""

    def __init__(self, config: ProgramConfig, consumer: Consumer, out: TextIO | None) -> None:
        """`out` is given every entry as a line of JSON, when it is durable; None: nothing."""
        self._config = config
        self._consumer = consumer
        self._out = out
        self._sequences = Sequences()
        self._entries: list[Entry] = []
        """Durable after the next `_settle`."""
        self._saved: dict[str, int] = {}
        """Offsets of the newest checkpoint."""
        self.stop = Event()

    def run(self) -> None:
        """Read until stopped, or until the end.

        Raises:
            ConsumerError: Something that a person can put right.
        """
        config = self._config
        config.state.mkdir(parents=True, exist_ok=True)
        with (config.state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConsumerError(
                    f"--state {config.state}: another program works there; stop it or give another"
                ) from None
            reader = Reader(config.reader)
            try:
                self._run(reader)
            finally:
                reader.close()

    def _run(self, reader: Reader) -> None:
        config = self._config
        cluster = reader.connect()
        found = load(config.state / "checkpoint.json")
        begun = self._begin(found, cluster)
        self._sequences = Sequences(begun.sequences, from_beginning=begun.from_beginning)
        journal = Journal(config.state / config.journal, self._apply)
        letters = DeadLetters(config.state / "dead-letters.jsonl", cluster)
        try:
            if found is None and journal.head.count and not config.from_beginning:
                raise ConsumerError(
                    f"--state {config.state}: expected checkpoint.json beside {config.journal}; "
                    "start with --from-beginning, the journal knows what was done already"
                )
            publisher = self._publisher(journal)
            offsets = reader.start(
                begun.offsets, self.stop.is_set, from_beginning=begun.from_beginning
            )
            self._settle(reader, journal, publisher, replace(begun, offsets=offsets))
            while not (self.stop.is_set() or (config.until_end and reader.is_at_end())):
                for record in reader.read(WAIT_S):
                    self._deliver(record, journal, letters)
                self._settle(reader, journal, publisher, begun)
            self._finish(publisher)
        finally:
            journal.close()
            letters.close()
        self._tell(journal, letters)

    def _begin(self, found: Checkpoint | None, cluster: str) -> Checkpoint:
        """Where to read from: the checkpoint, but for offsets of another cluster."""
        if found is None:
            return Checkpoint(cluster, from_beginning=self._config.from_beginning)
        if found.cluster == cluster and not self._config.from_beginning:
            return found
        # Its offsets mean nothing here. What was done is known by generation, root and seq.
        return replace(found, cluster=cluster, offsets={}, from_beginning=True)

    def _publisher(self, journal: Journal) -> Publisher | None:
        config = self._config
        if not config.topic:
            return None
        reader = config.reader
        return Publisher(reader.bootstrap_servers, config.topic, journal.path, reader.client)

    def _deliver(self, record: Record, journal: Journal, letters: DeadLetters) -> None:
        reason = ""
        try:
            at = position(record.headers, record.key)
            try:
                read = message(at, record.headers, record.value)
            except Malformed as error:
                read, reason = Message(at), str(error)
            # An unreadable message has its place in the sequence all the same.
            taken = self._sequences.take(read)
        except Malformed as error:
            taken, reason = None, str(error)
        if reason:
            letters.put(record.topic, record.partition, record.offset, reason, record.value)
        if taken is not None and (entries := self._consumer.take(taken)):
            self._entries += journal.append(taken.at, entries)

    def _apply(self, entry: Entry) -> None:
        self._sequences.note(position_of(entry))
        self._consumer.apply(entry)

    def _settle(
        self, reader: Reader, journal: Journal, publisher: Publisher | None, begun: Checkpoint
    ) -> None:
        """Make durable what was done, then say that it was read."""
        offsets = reader.offsets()
        if self._entries:
            journal.sync()
        if offsets and offsets != self._saved:
            rows = tuple(self._sequences.rows())
            place = replace(begun, offsets=offsets, sequences=rows)
            save(self._config.state / "checkpoint.json", place)
            reader.commit()
            self._saved = offsets
        if publisher is not None:
            publisher.catch_up()
        if self._out is not None:
            for entry in self._entries:
                print(json.dumps(entry), file=self._out, flush=True)
        self._entries = []

    def _finish(self, publisher: Publisher | None) -> None:
        """Publish what is left, for a while; what still is comes with the next start."""
        deadline_s = time.monotonic() + FINISH_S
        while publisher is not None and not publisher.catch_up():
            if time.monotonic() > deadline_s:
                say(f"{self._config.topic}: not all is published; the next start goes on with it")
                return
            time.sleep(WAIT_S)

    def _tell(self, journal: Journal, letters: DeadLetters) -> None:
        counted = self._sequences.counters
        say(
            f"{counted.taken} messages taken, {counted.repeated} repeated, {counted.missing} "
            f"missing, {counted.outdated} outdated, {letters.count} dead letters; "
            f"{journal.head.count} entries in {journal.path}"
        )


def add_flags(parser: argparse.ArgumentParser, state: str, topic: str) -> None:
    """The flags that every example has; `topic` is that of its journal, empty if it has none."""
    add = parser.add_argument
    add("--bootstrap-servers", default="127.0.0.1:9092", metavar="HOST:PORT",
        help="Kafka to read from (default: %(default)s)")  # fmt: skip
    add("--client-config", type=Path, metavar="FILE",
        help="librdkafka settings for TLS and SASL, one name=value a line")  # fmt: skip
    add("--topic-prefix", default="", metavar="NAME",
        help="before the names of IFD's topics, as in ifd replay --topic-prefix")  # fmt: skip
    add("--state", type=Path, default=Path(state), metavar="DIR",
        help="journal, checkpoint and dead letters (default: %(default)s)")  # fmt: skip
    add("--from-beginning", action="store_true",
        help="read all that the topics hold, not only what comes from now on; nothing that the "
        "journal holds is done again")  # fmt: skip
    add("--until-end", action="store_true", help="stop where the topics end")
    if topic:
        add("--publish", nargs="?", const=topic, default="", metavar="TOPIC",
            help=f"publish the journal, too (without a name: {topic})")  # fmt: skip


def program_config(
    arguments: argparse.Namespace, name: str, journal: str, streams: Sequence[str]
) -> ProgramConfig:
    """What the flags say.

    Raises:
        ConsumerError: One of them cannot be used.
    """
    client = read_client(arguments.client_config) if arguments.client_config else {}
    try:
        reader = ReaderConfig(
            bootstrap_servers=arguments.bootstrap_servers,
            topics=topics_of(streams, arguments.topic_prefix),
            group=f"ifd-examples-{name}",
            client=client,
        )
    except ValueError as error:
        raise ConsumerError(str(error)) from None
    return ProgramConfig(
        reader=reader,
        state=arguments.state,
        journal=journal,
        topic=getattr(arguments, "publish", ""),
        from_beginning=arguments.from_beginning,
        until_end=arguments.until_end,
    )


def read_client(path: Path) -> dict[str, str]:
    """Settings of a file with one `name=value` a line; its values are never shown.

    Raises:
        ConsumerError: It cannot be read.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConsumerError(f"--client-config {path}: {error}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        name, mark, value = line.partition("=")
        if line.strip() and not line.startswith("#"):
            if not mark:
                raise ConsumerError(f"--client-config {path}: line {number}: expected name=value")
            found[name.strip()] = value.strip()
    return found


def stop_on_signals(stop: Event) -> None:
    """Set `stop` on SIGTERM and SIGINT; a second one ends the process at once."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)


def guarded(act: Callable[[], int]) -> int:
    """Exit code of a program: what a person can put right is one line on stderr, and 2."""
    try:
        return act()
    except ConsumerError as error:
        say(f"{Path(sys.argv[0]).parent.name}: {error}")
        return EXIT_USER
    except BrokenPipeError:
        # The reader left, as `head` does; what is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
