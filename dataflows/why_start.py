"""Where a replay of a signal may begin: the newest archived state before it, or the beginning."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import Settings
from connectors.databento.beginning import FILE_NAME as BEGIN_NAME
from connectors.databento.header import parse_header
from connectors.dbn_file import DbnFilePartition
from connectors.roots import RootTable
from connectors.tape.listing import feed_of, listed
from connectors.tape.segments import (
    HEADER_BYTES,
    TapePosition,
    folder_of,
    read_marker,
    segments_of,
)
from connectors.tape.stored import opened
from dataflows.adapter import Saved
from dataflows.archive import FEED, Archived, archives_of, read_archive, shard_of
from dataflows.edges import roots_of
from dataflows.output_version import ANEW
from dataflows.published_signal import Revision
from operators.model.errors import ConfigError, StateError
from operators.model.hashing import shard_key


@dataclass(frozen=True, slots=True)
class Start:
    """Where and with what a replay begins."""

    feed: str
    paths: tuple[str, ...]
    """Files to read, in order."""
    shard: str
    """Key of the root's shard: nothing else is looked at."""
    text: str
    """For a person."""
    source: dict[str, Any] | None = None
    """State of the files' source; None: at their first byte."""
    steps: dict[str, Saved] = field(default_factory=dict)
    """Step → state; empty: nothing is known yet."""
    seq: int = 0
    """The root's signal messages before this place."""


def start_of(
    settings: Settings, signal: Revision, paths: tuple[str, ...], feed: str | None
) -> Start:
    """Where the replay of a message begins.

    Args:
        settings: With the parameters that made it.
        signal: As it was published.
        paths: Files, or the folder of a tape; empty: the tapes of the live feeds.
        feed: Name of the feed; None: the tape's, or `source.feed`.

    Raises:
        IfdError: There is no tape, or nothing on it leads to the signal.
    """
    if paths:
        name = feed or feed_of(paths) or settings.source.feed
        folder = _tape_of(paths)
        if folder is None:
            shard = shard_key(roots_of(settings).shard(signal.fields["root"]))
            return Start(name, listed(paths), shard, f"the beginning of {paths[0]}")
        return _on_tape(settings, signal, name, folder)
    folders = _tapes(settings, feed)
    root = signal.fields["root"]
    if len(folders) > 1:
        own = {n: f for n, f in folders.items() if any(root in a.roots for a in archives_of(f))}
        folders = own or folders
    if len(folders) != 1:
        raise ConfigError(
            f"--feed: expected the feed that brings {root}, one of {', '.join(folders)}"
        )
    ((name, folder),) = folders.items()
    return _on_tape(settings, signal, name, folder)


def _tape_of(paths: tuple[str, ...]) -> Path | None:
    """The folder of a tape, where that is what was given."""
    first = Path(paths[0])
    if len(paths) > 1 or not first.is_dir() or feed_of(paths) is None:
        return None
    return Path(listed(paths)[0]).parent


def _tapes(settings: Settings, feed: str | None) -> dict[str, Path]:
    names = [feed] if feed else list(settings.live.feeds)
    found = {name: folder_of(settings.tape, name) for name in names}
    there = {n: f for n, f in found.items() if f.is_dir() and read_marker(f) is not None}
    if not there:
        where = ", ".join(str(folder) for folder in found.values()) or settings.tape.directory
        raise ConfigError(
            f"expected the tape of a live feed, found none ({where}); name the files that were "
            "replayed, or the folder of the tape: --files FILE…"
        )
    return there


def _on_tape(settings: Settings, signal: Revision, feed: str, folder: Path) -> Start:
    marker = read_marker(folder)
    assert marker is not None, "only folders of tapes come here"
    root, generation = signal.fields["root"], signal.generation
    before = [
        each
        for each in archives_of(folder)
        if each.tape == marker.id
        and (not generation or each.generation == generation)
        and each.params == signal.fields["params"]
        and each.seqs.get(root, 0) < signal.seq
    ]
    numbers = [segment.number for segment in segments_of(folder)]
    reachable = [each for each in before if each.segment in numbers]
    if reachable:
        return _from_archive(settings, reachable[-1], feed, folder, root)
    return _from_beginning(settings, signal, feed, folder, numbers)


def _from_archive(settings: Settings, about: Archived, feed: str, folder: Path, root: str) -> Start:
    if about.shards != settings.flow.shards:
        raise StateError(
            f"{folder}/{about.name}: expected state of {settings.flow.shards} shards "
            f"(flow.shards), found {about.shards}; use the settings of then"
        )
    state = read_archive(about)
    found = state[FEED, feed]
    source: dict[str, Any] = _source_state(folder, about.position, found["intake"]["roots"])
    if ANEW in found:
        source[ANEW] = found[ANEW]
    shard = shard_key(roots_of(settings).shard(root))
    text = f"the state kept at {about.position} of {folder}"
    return Start(
        feed, _from_segment(folder, about.segment), shard, text, source,
        shard_of(state, shard), about.seqs.get(root, 0),
    )  # fmt: skip


def _from_beginning(
    settings: Settings, signal: Revision, feed: str, folder: Path, numbers: list[int]
) -> Start:
    """Where the generation began on its tape, or the tape's own beginning."""
    roots = roots_of(settings)
    shard = shard_key(roots.shard(signal.fields["root"]))
    begun = _begun(folder, signal.generation)
    if begun is None or begun == TapePosition(1, 0):
        if not numbers or numbers[0] != 1:
            first = f"segment {numbers[0]}" if numbers else "none"
            raise StateError(
                f"{folder}: expected state before the signal or the tape's beginning, found "
                f"{first} as the first segment: what led to it has been deleted "
                "(tape.retention_days, tape.budget_bytes)"
            )
        return Start(feed, listed((str(folder),)), shard, f"the beginning of {folder}")
    if begun.segment not in numbers:
        raise StateError(
            f"{folder}: expected segment {begun.segment}, where generation {signal.generation} "
            "began, found it deleted (tape.retention_days, tape.budget_bytes)"
        )
    table = RootTable(feed, roots).snapshot()
    source = _source_state(folder, begun, table)
    text = f"{begun} of {folder}, where its generation began"
    return Start(feed, _from_segment(folder, begun.segment), shard, text, source)


def _begun(folder: Path, generation: str) -> TapePosition | None:
    """Where the tape says that this generation, or the one it knows, began; None: it says nothing.

    Raises:
        StateError: It knows another generation alone.
    """
    file = folder / BEGIN_NAME
    try:
        told = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StateError(
            f"{file}: expected where a life of a store began, found: {error}"
        ) from error
    if generation and told.get("life") != generation:
        raise StateError(
            f"{folder}: expected state of generation {generation} from before the signal, or where "
            f"that began, found neither (only where {told.get('life')} began)"
        )
    return TapePosition(int(told["segment"]), int(told["offset"]))


def _from_segment(folder: Path, number: int) -> tuple[str, ...]:
    return tuple(str(each.path) for each in segments_of(folder) if each.number >= number)


def _source_state(folder: Path, at: TapePosition, roots: dict[str, Any]) -> dict[str, Any]:
    """State of a source of files that goes on at a place of the first of them."""
    segment = opened(folder, at.segment)
    try:
        header = parse_header(segment.read_at(0, HEADER_BYTES))
    finally:
        segment.close()
    return {
        "version": DbnFilePartition.STATE_VERSION,
        "position": {
            "file": 0,
            "name": f"segment-{at.segment:06d}.dbn",
            "offset": at.offset,
            "crc": header.crc,
        },
        "counts": (0, {}, {}),
        "roots": roots,
    }
