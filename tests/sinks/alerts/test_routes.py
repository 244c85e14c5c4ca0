from sinks.alerts.match import Match
from sinks.alerts.policy_config import RouteConfig
from sinks.alerts.routes import resolved
from tests.sinks.alerts.notices import brief


def test_what_is_not_given_the_parent_gives():
    root = resolved(
        RouteConfig(
            receivers=("a",),
            group_wait_s=5,
            routes=(RouteConfig(group_wait_s=0, routes=(RouteConfig(receivers=()),)),),
        )
    )
    assert [node.path for node in root.nodes()] == ["", ".0", ".0.0"]
    child, grandchild = list(root.nodes())[1:]
    assert (child.receivers, child.group_wait_ns, child.cooldown_ns) == (("a",), 0, 60 * 10**9)
    assert (grandchild.receivers, grandchild.group_wait_ns) == ((), 0)


def test_the_deepest_matching_nodes_are_the_leaves():
    es = Match(root=("ES",))
    inner = RouteConfig(match=Match(side=("sell",)))
    root = resolved(
        RouteConfig(
            match=Match(kind=("sweep",)),
            routes=(
                RouteConfig(match=es, routes=(inner,), continue_=True),
                RouteConfig(match=es),
                RouteConfig(match=es),
            ),
        )
    )

    def paths(**fields):
        return [route.path for route in root.leaves(brief(**fields))]

    assert paths() == [".0", ".1"]
    assert paths(side="sell") == [".0.0", ".1"]
    assert paths(root="NQ") == [""]
    assert paths(kind="iceberg") == []


def test_a_group_is_what_signals_have_in_common():
    assert resolved(RouteConfig()).group_of(brief()) == ("ES", "buy", "sweep")
    assert resolved(RouteConfig(group_by=())).group_of(brief("a")) == ("a",)
