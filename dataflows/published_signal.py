"""What was published of a signal: from a file, the store, or its topic."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.settings import Settings
from operators.model.errors import ConfigError
from operators.model.streams import SIGNALS
from sinks.published import Published


@dataclass(frozen=True, slots=True)
class Revision:
    """One message, as it was published."""

    value: bytes
    fields: dict[str, Any]
    generation: str = ""
    """Of the recovery store that numbered it; empty: unknown."""

    @property
    def seq(self) -> int:
        """Number among the root's signal messages."""
        return int(self.fields["seq"])

    @property
    def number(self) -> int:
        """Revision of the signal, from 1."""
        return int(self.fields["revision"])


@dataclass(frozen=True, slots=True)
class PublishedSignal:
    """A signal's revisions of one generation, ascending."""

    revisions: tuple[Revision, ...]
    origin: str
    """Where they were found, for a person."""

    def chosen(self, number: int | None) -> Revision:
        """The revision of that number; None: the newest that is no closing.

        Raises:
            ConfigError: There is no such revision.
        """
        if number is None:
            told = [each for each in self.revisions if _has_evidence(each)]
            return (told or list(self.revisions))[-1]
        for each in self.revisions:
            if each.number == number:
                return each
        known = ", ".join(str(each.number) for each in self.revisions)
        raise ConfigError(f"--revision: expected one of {known} ({self.origin}), found {number}")


def _has_evidence(revision: Revision) -> bool:
    return revision.fields["change"] in ("opened", "updated")


def find(
    settings: Settings,
    signal_id: str,
    *,
    file: str | None = None,
    generation: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PublishedSignal:
    """The signal, from `file` if one is given, else from the store, else from its topic.

    Args:
        settings: Which store, which broker.
        signal_id: Of the signal.
        file: With a message's JSON, or one on each line; `-` is standard input.
        generation: That one alone; None: the newest that has the signal.
        on_progress: Called while the topic is read.

    Raises:
        ConfigError: Nothing names a place to look in, or the signal is not there.
        DeliveryError: Database or broker do not answer.
    """
    if file is not None:
        return _picked(signal_id, _of_file(file), generation, f"file {file}")
    places = []
    if settings.store.url:
        from sinks.store import Store

        with Store(settings.store.url) as store:
            found = store.signal(signal_id)
            places.append("the store")
        if found:
            return _picked(signal_id, _revisions(found), generation, "the store")
    if settings.kafka.bootstrap_servers:
        from sinks.kafka_search import find_signal

        address = f"Kafka at {settings.kafka.bootstrap_servers}"
        found = find_signal(settings.kafka, signal_id, on_progress)
        places.append(address)
        if found:
            return _picked(signal_id, _revisions(found), generation, address)
    if not places:
        raise ConfigError(
            "nothing says where signals were published: set IFD_STORE__URL or "
            "IFD_KAFKA__BOOTSTRAP_SERVERS, or give the message with --value FILE"
        )
    raise ConfigError(f"signal {signal_id}: not found in {' nor in '.join(places)}")


def _revisions(found: list[Published]) -> list[Revision]:
    return [_revision(each.value, each.generation) for each in found]


def _revision(value: bytes, generation: str = "") -> Revision:
    fields = json.loads(value)
    for name in ("stream", "root", "seq", "id", "revision", "change", "ts_event", "params"):
        if name not in fields:
            raise ValueError(f"expected the field {name}")
    if fields["stream"] != SIGNALS:
        raise ValueError(f"expected stream {SIGNALS}, found {fields['stream']}")
    return Revision(value, fields, generation)


def _of_file(file: str) -> list[Revision]:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return [_revision(line) for line in data.splitlines() if line.strip()]
    except OSError as error:
        raise ConfigError(f"--value: {file}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"--value: {file}: expected signal messages as JSON, one on each line, found: {error}"
        ) from error


def _picked(
    signal_id: str, found: list[Revision], generation: str | None, origin: str
) -> PublishedSignal:
    own = [each for each in found if each.fields["id"] == signal_id]
    if not own:
        raise ConfigError(f"signal {signal_id}: not found in {origin}")
    # Ordered by generation: the last one is the newest.
    wanted = own[-1].generation if generation is None else generation
    kept = [each for each in own if each.generation == wanted]
    if not kept:
        known = ", ".join(dict.fromkeys(each.generation for each in own))
        raise ConfigError(f"--generation: expected one of {known} ({origin}), found {wanted}")
    return PublishedSignal(tuple(sorted(kept, key=lambda each: each.seq)), origin)
