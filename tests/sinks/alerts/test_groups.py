from sinks.alerts.groups import GROUPS_MAX, MEMBERS_MAX, Groups
from sinks.alerts.policy_config import RouteConfig
from sinks.alerts.routes import resolved
from tests.sinks.alerts.notices import brief

ROUTE = resolved(RouteConfig(group_by=("root",), group_wait_s=2, group_interval_s=10))
ROUTES = {"": ROUTE}
S = 1_000_000_000


def due(groups, at_s):
    return [(when // S, key[2]) for when, key, _ in groups.due(at_s * S, ROUTES)]


def test_groups_are_due_in_order_of_when():
    groups = Groups()
    groups.add(ROUTE, "desk", brief("a", root="NQ"), 1 * S)
    groups.add(ROUTE, "desk", brief("b", root="ES"), 0)
    assert due(groups, 1) == []
    assert due(groups, 9) == [(2, ("ES",)), (3, ("NQ",))]


def test_a_signal_waits_in_one_place_per_receiver():
    groups = Groups()
    for receiver in ("desk", "phone"):
        assert groups.add(ROUTE, receiver, brief("a"), 0)
    assert groups.receivers_of("a") == ["desk", "phone"]
    assert groups.replace("desk", brief("a", size=7))
    assert not groups.replace("desk", brief("b"))
    (_, key, _), _ = groups.due(2 * S, ROUTES)
    assert [b.size for b in groups.take(key, 2 * S)] == [7]
    assert groups.receivers_of("a") == ["phone"]
    assert groups.remove("a") == ["phone"]
    assert groups.waiting() == 0


def test_what_has_no_room_is_refused():
    groups = Groups()
    taken = [groups.add(ROUTE, "desk", brief(f"s{n}"), 0) for n in range(MEMBERS_MAX + 1)]
    assert taken == [True] * MEMBERS_MAX + [False]
    groups = Groups()
    names = [f"R{n}" for n in range(GROUPS_MAX + 1)]
    taken = [groups.add(ROUTE, "desk", brief(name, root=name), 0) for name in names]
    assert taken == [True] * GROUPS_MAX + [False]


def test_a_group_is_forgotten_after_its_interval():
    groups = Groups()
    groups.add(ROUTE, "desk", brief("a"), 0)
    ((_, key, _),) = groups.due(2 * S, ROUTES)
    groups.take(key, 2 * S)
    assert due(groups, 11) == []
    assert len(groups.snapshot()) == 1
    assert due(groups, 12) == []
    assert groups.snapshot() == ()
