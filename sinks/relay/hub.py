"""Hub: what the relay knows, and who wants it. Pure but for a clock that it is given.

It serves one generation, the newest it has seen. Event channels are kept in bounded rings, so that
a client that comes back gets what it missed, all of it or none; of state channels the current
value. Several feeds may bring the same messages: what has been seen is dropped by its `seq`.

All calls are made in one thread, the one of the relay's loop.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from operators.model.streams import EVENT_STREAMS, STATE_STREAMS
from sinks.published import Published
from sinks.relay import messages
from sinks.relay.audience import Audience, Mail, Subscriber
from sinks.relay.config import RelayConfig
from sinks.relay.messages import ALL, Frame, Key
from sinks.relay.ring import Held, Ring


@dataclass(slots=True)
class HubCounters:
    """What became of the messages handed to the hub."""

    taken: int = 0
    """Messages passed on."""
    repeated: int = 0
    """Event messages dropped, since their seq had come; state messages that were not newer."""
    outdated: int = 0
    """Messages dropped, since a newer generation is served."""
    invalid: int = 0
    """Messages dropped, since their stream or seq can be none."""
    keys_refused: int = 0
    """Messages dropped, since `keys_max` channels and roots are known."""
    holes: int = 0
    """Times that a seq was skipped."""
    missed: int = 0
    """Messages that were skipped."""
    evicted: int = 0
    """Messages dropped from rings, which were full or had a hole."""
    withheld: int = 0
    """Messages not sent to one client each, which had them from elsewhere."""
    generations: int = 0
    """Times that a newer generation came."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a client goes on."""

    epoch: str
    seq: Mapping[str, int]
    """`channel/root` → last seq it has."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What a new subscriber gets before anything else."""

    frames: list[Frame] = field(default_factory=list)
    recovered: dict[str, dict[str, bool | int]] = field(default_factory=dict)
    """`channel/root` → whether all that the client missed follows; empty without resume."""


class Hub:
    """What the relay knows of one generation, and who wants it.

    State: at most `ring_messages_max` messages per event channel and root, `ring_bytes_max` in all;
    one value per state channel and root; `keys_max` of both together.
    """

    def __init__(
        self,
        config: RelayConfig,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        on_relayed: Callable[[int, int], None] | None = None,
    ) -> None:
        """An empty hub.

        Args:
            config: Bounds.
            clock_ns: Wall time, ns since the epoch.
            on_relayed: Told `ts_published_ns` and `ts_relayed_ns` of each message passed on.
        """
        self._config = config
        self._clock_ns = clock_ns
        self._on_relayed = on_relayed
        self._generation: tuple[int, str] | None = None
        self._rings: dict[Key, Ring] = {}
        self._values: dict[Key, Held] = {}
        self._bytes_count = 0
        self._audience = Audience()
        self._positions: dict[frozenset[Key], dict[str, int]] = {}
        self.counters = HubCounters()

    @property
    def epoch(self) -> str | None:
        """Generation served; None before the first message of one."""
        return None if self._generation is None else self._generation[1]

    @property
    def bytes_count(self) -> int:
        """Bytes of all messages held in rings."""
        return self._bytes_count

    def publish(self, batch: Sequence[Published]) -> None:
        """Take messages, oldest first per stream and root, and hand them to who wants them.

        The cost is that of one write per client, not per message and client; `turns.publish` cuts
        a long batch, so that the loop can do other things in between.
        """
        mail = Mail()
        now_ns = self._clock_ns()
        for message in batch:
            if not self._belongs(message, mail):
                continue
            if message.stream in STATE_STREAMS:
                self._take_value(message, now_ns, mail)
            else:
                self._take_event(message, now_ns, mail)
        self._positions.clear()
        mail.deliver()

    def positions(self) -> dict[str, dict[str, int]]:
        """Generation → `stream/root` → last seq, of event streams."""
        if self.epoch is None:
            return {}
        return {self.epoch: {messages.name_of(k): ring.last for k, ring in self._rings.items()}}

    def last_seqs(self) -> dict[Key, int]:
        """(event stream, root) → last seq."""
        return {key: ring.last for key, ring in self._rings.items()}

    def positions_of(self, subscriptions: frozenset[Key]) -> Mapping[str, int]:
        """`channel/root` → last seq of the event channels that these subscriptions are for."""
        found = self._positions.get(subscriptions)
        if found is None:
            found = self._positions[subscriptions] = {
                messages.name_of(key): ring.last
                for key, ring in self._rings.items()
                if key in subscriptions or (key[0], ALL) in subscriptions
            }
        return found

    def recent(self, stream: str, root: str | None = None, count: int = 100) -> list[Published]:
        """The newest messages of an event stream, by `ts_event`, oldest first."""
        found = [
            held.message
            for key, ring in self._rings.items()
            if key[0] == stream and root in (None, key[1])
            for held in ring.newest(count)
        ]
        found.sort(key=lambda message: message.ts_event)
        return found[-count:] if count > 0 else []

    def latest(self, stream: str, root: str) -> Published | None:
        """The current value of a state stream and root."""
        held = self._values.get((stream, root))
        return None if held is None else held.message

    def values(self, stream: str) -> list[Published]:
        """The current value of a state stream for each of its roots."""
        return [held.message for key, held in self._values.items() if key[0] == stream]

    def subscribe(
        self, who: Subscriber, channel: str, root: str, resume: Resume | None = None
    ) -> Subscribed:
        """From now on `who` gets what is published of a channel and root (`*`: every).

        What it gets first is returned: what it missed, or a snapshot. Whoever resumes gets
        everything after its seq, or `recovered: False` and a snapshot, never a part. Where it is
        ahead of us the promise is kept later: it gets what comes after its seq, or is told of the
        gap or of the other generation.
        """
        given = Subscribed()
        self._audience.add(who, (channel, root))
        for key in self._keys(channel, root, resume):
            if channel in STATE_STREAMS:
                given.frames.extend(self._value(key))
            else:
                self._audience.clear_floor(who, key)
                self._open(who, key, resume, given, is_named=root != ALL)
        return given

    def unsubscribe(self, who: Subscriber, channel: str, root: str) -> None:
        """No more of a channel and root; no error if it was not subscribed."""
        self._audience.remove(who, (channel, root))

    def leave(self, who: Subscriber) -> None:
        """Nothing for `who` any more."""
        self._audience.leave(who)

    def _belongs(self, message: Published, mail: Mail) -> bool:
        """Whether a message is one of the generation served, which it may begin."""
        is_event = message.stream in EVENT_STREAMS
        is_sound = message.seq >= 1 if is_event else message.stream in STATE_STREAMS
        if not is_sound or not message.root:
            self.counters.invalid += 1
            return False
        generation = (message.generation_ts_ms, message.generation)
        if self._generation is None or generation > self._generation:
            self._begin(generation, mail)
        elif generation < self._generation:
            self.counters.outdated += 1
            return False
        if message.key not in (self._rings if is_event else self._values):
            if len(self._rings) + len(self._values) >= self._config.keys_max:
                self.counters.keys_refused += 1
                return False
        return True

    def _begin(self, generation: tuple[int, str], mail: Mail) -> None:
        """Serve another generation: nothing of the last one has a meaning in it.

        Who has seen something of this very one, and came before we had it, is still ahead.
        """
        self._generation = generation
        self.counters.generations += 1
        self._rings.clear()
        self._values.clear()
        self._bytes_count = 0
        self._audience.forget_floors(but=generation[1])
        notice = messages.epoch_changed(generation[1])
        mail.add(self._audience.everybody(), (notice,))

    def _take_value(self, message: Published, now_ns: int, mail: Mail) -> None:
        current = self._values.get(message.key)
        if current is not None and not _is_newer(message, current.message):
            self.counters.repeated += 1
            return
        frame = messages.update(message, now_ns, is_state=True)
        self._values[message.key] = Held(message, frame)
        self._count(message, now_ns)
        mail.add(self._audience.of(message.key), (frame,))

    def _take_event(self, message: Published, now_ns: int, mail: Mail) -> None:
        ring = self._rings.get(message.key)
        if ring is None:
            ring = self._rings[message.key] = Ring(self._config.ring_messages_max)
        if message.seq <= ring.last:
            self.counters.repeated += 1
            return
        hole = None
        if ring.last and message.seq > ring.last + 1:
            self.counters.holes += 1
            self.counters.missed += message.seq - ring.last - 1
            hole = messages.gap(message.key, ring.last + 1, message.seq - 1)
        frame = messages.update(message, now_ns, is_state=False)
        self._keep(ring, Held(message, frame))
        self._count(message, now_ns)
        due = (frame,) if hole is None else (hole, frame)
        everybody = self._audience.of(message.key)
        if not self._audience.has_floors(message.key):
            mail.add(everybody, due)
            return
        for who in everybody:
            floor = self._audience.floor(who, message.key)
            mail.add((who,), due if floor is None else self._past_floor(who, floor, message, frame))

    def _past_floor(
        self, who: Subscriber, floor: int, message: Published, frame: Frame
    ) -> tuple[Frame, ...]:
        """What one gets who was ahead: nothing up to its floor, then a gap if we skip some."""
        if message.seq >= floor:
            self._audience.clear_floor(who, message.key)
        if message.seq <= floor:
            self.counters.withheld += 1
            return ()
        if message.seq > floor + 1:
            return (messages.gap(message.key, floor + 1, message.seq - 1), frame)
        return (frame,)

    def _keep(self, ring: Ring, held: Held) -> None:
        self._bytes_count -= ring.bytes_count
        self.counters.evicted += ring.append(held)
        self._bytes_count += ring.bytes_count
        while self._bytes_count > self._config.ring_bytes_max:
            largest = max(self._rings.values(), key=lambda one: one.bytes_count)
            self._bytes_count -= largest.bytes_count
            # Some at a time: the search for the largest is not for one message each.
            self.counters.evicted += largest.drop(1 + len(largest) // 16)
            self._bytes_count += largest.bytes_count

    def _count(self, message: Published, now_ns: int) -> None:
        self.counters.taken += 1
        if self._on_relayed is not None:
            self._on_relayed(message.ts_published_ns, now_ns)

    def _keys(self, channel: str, root: str, resume: Resume | None) -> Iterable[Key]:
        """Keys that a subscription is for: those known, and those that the client knows."""
        if root != ALL:
            return [(channel, root)]
        if channel in STATE_STREAMS:
            return [key for key in self._values if key[0] == channel]
        named = [] if resume is None else [messages.key_of(name) for name in resume.seq]
        return {key: None for key in [*self._rings, *named] if key[0] == channel}

    def _value(self, key: Key) -> list[Frame]:
        held = self._values.get(key)
        values = [] if held is None else [held.message.value]
        return [messages.snapshot(key, self.epoch, 0, values)]

    def _open(
        self,
        who: Subscriber,
        key: Key,
        resume: Resume | None,
        given: Subscribed,
        *,
        is_named: bool,
    ) -> None:
        """What one client gets first of one event channel and root."""
        name = messages.name_of(key)
        ring = self._rings.get(key) or Ring(0)
        # A root that a client does not name has come since: it has seen nothing of it.
        seq = None if resume is None else resume.seq.get(name, None if is_named else 0)
        if resume is None or seq is None:
            given.frames.append(self._snapshot(key, ring))
            return
        is_ours = self.epoch in (None, resume.epoch)
        is_ahead = is_ours and self._is_ahead(seq, ring)
        recovered = is_ahead or (is_ours and ring.can_resume(seq))
        given.recovered[name] = {
            "recovered": recovered,
            "seq": ring.last,
            "oldest_seq": ring.oldest if len(ring) else 0,
        }
        if is_ahead:
            self._audience.set_floor(who, key, seq, resume.epoch)
        elif recovered:
            given.frames.extend(held.frame for held in ring.after(seq))
        else:
            given.frames.append(self._snapshot(key, ring))

    def _is_ahead(self, seq: int, ring: Ring) -> bool:
        """Whether a client has more than we do: by no more than another replica can have.

        Before the first message of a root nobody knows which seq it will have.
        """
        return not ring.last or 0 < seq - ring.last <= self._config.ring_messages_max

    def _snapshot(self, key: Key, ring: Ring) -> Frame:
        if ring.snapshot is None:
            newest = ring.newest(self._config.snapshot_messages)
            values = [held.message.value for held in newest]
            ring.snapshot = messages.snapshot(key, self.epoch, ring.last, values)
        return ring.snapshot


def _is_newer(message: Published, current: Published) -> bool:
    """Whether a state message replaces the current one: handed out later, if that is known."""
    if message.ts_published_ns and current.ts_published_ns:
        return message.ts_published_ns > current.ts_published_ns
    return message.ts_event >= current.ts_event
