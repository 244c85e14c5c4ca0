"""Whatever is cut, repeated or lost: a client sees each seq once and in order, or is told.

`Reader` asserts it frame by frame. The world: one dataflow that numbers messages, relay replicas
that get them late, twice or with holes and that start anew, clients that move between replicas.
"""

from hypothesis import given
from hypothesis import strategies as st

from sinks.published import Published
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from tests.sinks.relay.reader import TS_MS, Reader, message

ROOTS = ("ES", "NQ")
REPLICAS = 2
CLIENTS = 3
CONFIG = RelayConfig(ring_messages_max=6, snapshot_messages=2)


class Replica:
    """A hub and the feed that brings it messages, in order."""

    def __init__(self, tail: int = 0) -> None:
        self.hub = Hub(CONFIG, clock_ns=lambda: 0)
        self.came = {root: tail for root in ROOTS}
        self.generation = 0


class World:
    def __init__(self) -> None:
        self.generation = 1
        self.count = {root: 0 for root in ROOTS}
        self.replicas = [Replica() for _ in range(REPLICAS)]
        self.clients = [Reader() for _ in range(CLIENTS)]
        self.at = [0] * CLIENTS
        for client in self.clients:
            client.join(self.replicas[0].hub, ["signals"])

    def emit(self, root: str, count: int) -> None:
        self.count[root] += count

    def bring(self, which: int, root: str, count: int) -> None:
        replica = self._current(which)
        first = replica.came[root] + 1
        last = min(self.count[root], replica.came[root] + count)
        replica.hub.publish(self._run(root, first, last))
        replica.came[root] = max(last, replica.came[root])

    def repeat(self, which: int, root: str, count: int) -> None:
        """The other feed brings what has come, and a little more."""
        replica = self._current(which)
        last = min(self.count[root], replica.came[root] + 1)
        replica.hub.publish(self._run(root, max(1, last - count), last))
        replica.came[root] = max(last, replica.came[root])

    def lose(self, which: int, root: str, count: int) -> None:
        replica = self._current(which)
        replica.came[root] = min(self.count[root], replica.came[root] + count)

    def restart(self, which: int, _root: str, tail: int) -> None:
        """All its clients are cut and come back; the feed brings the last `tail` again."""
        old = self.replicas[which]
        replica = self.replicas[which] = Replica()
        if old.generation == self.generation:
            replica.came = {root: max(0, came - tail) for root, came in old.came.items()}
        replica.generation = self.generation
        for number, at in enumerate(self.at):
            if at == which:
                self.clients[number].join(replica.hub, ["signals"])

    def move(self, which: int, _root: str, number: int) -> None:
        client = self.clients[number % CLIENTS]
        self.replicas[self.at[number % CLIENTS]].hub.leave(client)
        self.at[number % CLIENTS] = which
        client.join(self.replicas[which].hub, ["signals"])

    def renew(self) -> None:
        self.generation += 1
        self.count = {root: 0 for root in ROOTS}

    def finish(self) -> None:
        """Everything comes everywhere in the end."""
        for root in ROOTS:
            self.emit(root, 1)
            for which in range(REPLICAS):
                self.bring(which, root, self.count[root])
        for client in self.clients:
            assert client.epoch == self._name()
            assert client.last == {f"signals/{root}": self.count[root] for root in ROOTS}

    def _current(self, which: int) -> Replica:
        replica = self.replicas[which]
        if replica.generation != self.generation:
            replica.generation = self.generation
            replica.came = {root: 0 for root in ROOTS}
        return replica

    def _name(self) -> str:
        return f"g{self.generation}"

    def _run(self, root: str, first: int, last: int) -> list[Published]:
        given = {"generation": self._name(), "born_ms": TS_MS + self.generation}
        return [message(root, seq, **given) for seq in range(first, last + 1)]


MOVES = st.tuples(
    st.sampled_from(["bring", "repeat", "lose", "restart", "move"]),
    st.integers(0, REPLICAS - 1),
    st.sampled_from(ROOTS),
    st.integers(0, 9),
)
EMITS = st.tuples(st.just("emit"), st.sampled_from(ROOTS), st.integers(1, 9))
RENEWS = st.tuples(st.just("renew"))


@given(st.lists(MOVES | MOVES | EMITS | EMITS | RENEWS, max_size=60))
def test_each_seq_once_and_in_order_or_told(steps):
    world = World()
    for name, *arguments in steps:
        getattr(world, name)(*arguments)
    world.finish()


@given(
    st.lists(st.tuples(st.integers(0, REPLICAS - 1), st.integers(1, 4), st.integers(0, 4))),
)
def test_without_losses_nothing_is_missed_or_doubled(steps):
    """Clients that move while replicas are apart by less than a ring: all, once, never a gap."""
    world = World()
    for client in world.clients:
        client.epoch = "g1"
    for which, emitted, brought in steps:
        world.emit("ES", emitted)
        for replica in range(REPLICAS):
            # No replica is further behind than a ring can tell.
            behind = world.count["ES"] - world.replicas[replica].came["ES"]
            world.bring(replica, "ES", brought + max(0, behind - 4))
        world.move(which, "ES", brought)
    world.finish()
    for client in world.clients:
        assert client.told == []
        seqs = [seq for _, _, root, seq in client.seen if root == "ES"]
        assert seqs == list(range(1, world.count["ES"] + 1))
