"""A client that believes nothing: it holds the hub to the protocol, frame by frame."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from sinks.published import Published
from sinks.relay.hub import Hub, Resume
from sinks.relay.messages import Frame, key_of

TS_MS = 1_710_338_400_000


def message(
    root: str = "ES",
    seq: int = 1,
    *,
    stream: str = "signals",
    generation: str = "g1",
    born_ms: int = TS_MS,
    ts_published_ns: int = 0,
    text: str = "",
    size: int = 0,
) -> Published:
    """A message whose value names it; `size` more bytes pad it."""
    value = {"stream": stream, "root": root, "seq": seq, "text": text or generation}
    if size:
        value["pad"] = "x" * size
    return Published(
        generation=generation,
        generation_ts_ms=born_ms,
        stream=stream,
        root=root,
        seq=seq,
        ts_event=seq,
        ts_published_ns=ts_published_ns,
        value=orjson.dumps(value),
    )


def run(root: str, first: int, last: int, **given: Any) -> list[Published]:
    """Messages `first` to `last` of a root."""
    return [message(root, seq, **given) for seq in range(first, last + 1)]


def read(frames: Iterable[Frame]) -> list[dict[str, Any]]:
    """The frames as objects."""
    return [orjson.loads(frame.text) for frame in frames]


@dataclass(eq=False)
class Reader:
    """Follows frames; `seen` is what it ended up with, `told` what it was told it misses."""

    epoch: str | None = None
    last: dict[str, int] = field(default_factory=dict)
    seen: list[tuple[str | None, str, int]] = field(default_factory=list)
    told: list[tuple[str, int, int]] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def deliver(self, frames: Sequence[Frame]) -> None:
        for one in read(frames):
            self.frames.append(one)
            getattr(self, f"on_{one['op']}")(one)

    def join(self, hub: Hub, channels: Iterable[str], root: str = "*") -> None:
        """Subscribe, with everything that it has."""
        resume = None if self.epoch is None else Resume(self.epoch, dict(self.last))
        for channel in channels:
            given = hub.subscribe(self, channel, root, resume)
            for name, answer in given.recovered.items():
                if not answer["recovered"]:
                    # Whatever it had is void: a snapshot says where it stands.
                    self.last.pop(name, None)
                    self.gone.add(name)
            self.deliver(given.frames)
            assert not self.gone, f"not recovered, and no snapshot of {self.gone}"
        # Nothing had come yet at the first time: what comes is of the epoch the hub names.
        self.epoch = self.epoch if hub.epoch is None else hub.epoch

    def on_epoch(self, one: dict[str, Any]) -> None:
        if one["epoch"] != self.epoch:
            self.epoch, self.last = one["epoch"], {}

    def on_snapshot(self, one: dict[str, Any]) -> None:
        name = f"{one['channel']}/{one['root']}"
        self.gone.discard(name)
        assert [value["seq"] for value in one["data"]] == (
            list(range(one["seq"] - len(one["data"]) + 1, one["seq"] + 1))
            if one["seq"]
            else [0] * len(one["data"])
        )
        if one["seq"] or name in self.last:
            self.last[name] = one["seq"]

    def on_gap(self, one: dict[str, Any]) -> None:
        name = f"{one['channel']}/{one['root']}"
        # A gap begins after what has come: nothing is told to miss that was there.
        assert one["from_seq"] == self.last.get(name, one["from_seq"] - 1) + 1
        self.told.append((name, one["from_seq"], one["to_seq"]))
        self.last[name] = one["to_seq"]

    def on_update(self, one: dict[str, Any]) -> None:
        name = f"{one['channel']}/{one['root']}"
        assert one["seq"] == one["data"]["seq"]
        if one["seq"] == 0:
            return
        assert one["epoch"] == one["data"]["text"] == self.epoch
        # A root that it knows nothing of may begin anywhere.
        assert one["seq"] == self.last.get(name, one["seq"] - 1) + 1, (name, self.last, one)
        self.last[name] = one["seq"]
        self.seen.append((self.epoch, *key_of(name), one["seq"]))
