"""Routes: the tree with everything inherited, and which of it a signal goes down."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sinks.alerts.brief import Brief
from sinks.alerts.match import Match
from sinks.alerts.policy_config import RouteConfig

_NS_PER_S: Final = 1_000_000_000
_DEFAULTS: Final[dict[str, Any]] = {
    "receivers": (),
    "group_by": ("root", "side", "kind"),
    "group_wait_s": 1.0,
    "group_interval_s": 60.0,
    "repeat_interval_s": 0.0,
    "cooldown_s": 60.0,
    "send_resolved": False,
}
"""What the root of the tree has unless it says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A node with nothing left open. Durations in ns."""

    path: str
    """Place in the tree: `` for the root, `.0.2` for the third child of its first."""
    match: Match
    receivers: tuple[str, ...]
    group_by: tuple[str, ...]
    group_wait_ns: int
    group_interval_ns: int
    repeat_interval_ns: int
    cooldown_ns: int
    send_resolved: bool
    continues: bool
    routes: "tuple[Route, ...]"

    def leaves(self, brief: Brief) -> list["Route"]:
        """Deepest matching nodes: of siblings the first, and the next while `continue` is set."""
        if not self.match.accepts(brief):
            return []
        found: list[Route] = []
        for child in self.routes:
            below = child.leaves(brief)
            found += below
            if below and not child.continues:
                break
        return found or [self]

    def nodes(self) -> Iterator["Route"]:
        """This node and all below it."""
        yield self
        for child in self.routes:
            yield from child.nodes()

    def group_of(self, brief: Brief) -> tuple[str, ...]:
        """What a signal has in common with those of its group; without `group_by` it is alone."""
        if not self.group_by:
            return (brief.id,)
        return tuple([getattr(brief, name) for name in self.group_by])


def resolved(config: RouteConfig, inherited: dict[str, Any] | None = None, path: str = "") -> Route:
    """The tree below `config` with what is not given taken from above."""
    above = _DEFAULTS if inherited is None else inherited
    own = {
        name: default if (given := getattr(config, name)) is None else given
        for name, default in above.items()
    }
    return Route(
        path=path,
        match=config.match,
        receivers=own["receivers"],
        group_by=own["group_by"],
        group_wait_ns=round(own["group_wait_s"] * _NS_PER_S),
        group_interval_ns=round(own["group_interval_s"] * _NS_PER_S),
        repeat_interval_ns=round(own["repeat_interval_s"] * _NS_PER_S),
        cooldown_ns=round(own["cooldown_s"] * _NS_PER_S),
        send_resolved=own["send_resolved"],
        continues=config.continue_,
        routes=tuple(
            [resolved(child, own, f"{path}.{n}") for n, child in enumerate(config.routes)]
        ),
    )
