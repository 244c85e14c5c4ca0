"""A tape as files to be replayed: its segments in their order."""

from pathlib import Path
from typing import Final

from connectors.tape.known import known_path
from connectors.tape.segments import (
    MARKER,
    PACKED,
    RAW,
    check_gapless,
    read_marker,
    segments_of,
)
from operators.model.errors import FeedError

_SUFFIXES: Final = (RAW, PACKED)


def listed(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The paths, each folder among them replaced by the DBN files it holds, in order.

    Of a tape these are its segments; where the first of them have been deleted, what was known at
    the beginning of the rest goes before it. Of any other folder they are its files by name, each
    once if it is there compressed and not.

    Raises:
        FeedError: a folder holds no DBN file, or the tapes of several feeds.
        StateError: a segment is missing between others.
    """
    found: list[str] = []
    for path in paths:
        found += [str(file) for file in _files(Path(path))] if Path(path).is_dir() else [path]
    return tuple(found)


def feed_of(paths: tuple[str, ...]) -> str | None:
    """The feed whose tape is the first of the paths; None if that is no tape."""
    if not paths or not Path(paths[0]).is_dir():
        return None
    marker = read_marker(_tape_in(Path(paths[0])))
    return None if marker is None else marker.feed


def may_grow(paths: tuple[str, ...]) -> bool:
    """Whether the last of listed paths may be a segment being written, its end half a record."""
    last = Path(paths[-1])
    return last.name.endswith(RAW) and (last.parent / MARKER).exists()


def _files(folder: Path) -> list[Path]:
    folder = _tape_in(folder)
    if not (folder / MARKER).exists():
        return _plain(folder)
    segments = segments_of(folder)
    check_gapless(folder, segments)
    if not segments:
        raise FeedError(f"{folder}: expected a tape with segments, found none")
    first = segments[0].number
    known = known_path(folder, first)
    before = [known] if first > 1 and known.exists() else []
    return before + [segment.path for segment in segments]


def _tape_in(folder: Path) -> Path:
    """The folder of the tape, where that of all feeds was given and there is one feed."""
    if (folder / MARKER).exists():
        return folder
    tapes = sorted(each.parent for each in folder.glob(f"*/{MARKER}"))
    if len(tapes) > 1:
        names = ", ".join(tape.name for tape in tapes)
        raise FeedError(f"{folder}: expected the tape of one feed, found {names}; name one of them")
    return tapes[0] if tapes else folder


def _plain(folder: Path) -> list[Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(_SUFFIXES) and path.is_file():
            # Sorted, so that the compressed one comes after the other and takes its place.
            found[path.name.removesuffix(".zst")] = path
    if not found:
        raise FeedError(f"{folder}: expected DBN files (.dbn, .dbn.zst) or a tape, found none")
    return [found[name] for name in sorted(found)]
