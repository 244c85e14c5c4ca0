"""A pile against the plain form: a dict, grouped and sorted anew for every verdict."""

from hypothesis import given
from hypothesis import strategies as st

from operators.pile import Pile, Weighed
from operators.weigh import OPPOSED, weigh
from operators.weigh_config import WeighConfig
from tests.operators.test_weigh import GROUPS, seen

CONFIG = WeighConfig()


def plain_weigh(own, opposing, config):
    """(log-odds, parts, pieces that count, dominating detector, size)."""
    parts, sizes, chosen, opposed = {}, {}, [], 0.0
    against = grouped(opposing)
    for group, pieces in grouped(own).items():
        total, share = 0.0, 1.0
        for order, piece in strongest(pieces, config):
            parts[piece.detector] = parts.get(piece.detector, 0.0) + share * piece.value
            total += share * piece.value
            share = config.rest_share
            chosen.append((order, piece))
        if group in against:
            first, *rest = [piece.value for _, piece in strongest(against[group], config)]
            opposed += config.opposed_share * min(total, first + config.rest_share * sum(rest))
        for _, piece in pieces:
            sizes[piece.detector] = sizes.get(piece.detector, 0) + piece.size
    dominating = max(parts, key=lambda detector: parts[detector])
    if opposed > 0:
        parts[OPPOSED] = -opposed
    parts = {name: round(part, 4) for name, part in parts.items()}
    log_odds = round(config.bias + sum(parts.values()), 4)
    counted = tuple(piece for _, piece in sorted(chosen, key=lambda one: one[0]))
    size = max(sizes.values())
    return log_odds, list(parts.items()), counted, dominating, size


def grouped(pieces):
    groups = {}
    for order, piece in enumerate(pieces):
        groups.setdefault(piece.group, []).append((order, piece))
    return groups


def strongest(pieces, config):
    return sorted(pieces, key=lambda one: -one[1].value)[: 1 + config.rest_max]


def piece(detector, value, size):
    return Weighed(value, GROUPS[detector], detector, size, 0, seen(detector, size=size))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(sorted(GROUPS)),
        st.integers(0, 5),  # few keys: many replacements
        st.sampled_from([0.0, 0.5, 0.5, 1.25, 3.0]) | st.floats(0, 6),  # many equals
        st.integers(0, 100),
        st.sampled_from(["put", "put", "put", "drop", "oldest"]),
    ),
    max_size=60,
)


@given(STEPS)
def test_every_verdict_is_that_of_the_plain_form(steps):
    piles = {"buy": Pile(), "sell": Pile()}
    plain = {"buy": {}, "sell": {}}
    for side, detector, number, value, size, what in steps:
        key = (detector, 1, number)
        if what == "oldest" and plain[side]:
            key = next(iter(plain[side]))
            assert piles[side].oldest() == (key, plain[side][key])
        plain[side].pop(key, None)
        if what == "put":
            piles[side].put(key, plain[side].setdefault(key, piece(detector, value, size)))
        else:
            piles[side].drop(key)
        assert list(piles[side].items()) == list(plain[side].items())
        assert list(piles[side].latest_first()) == list(plain[side].values())[::-1]
        assert piles[side].detectors() == {detector for detector, _, _ in plain[side]}
        for own, other in (("buy", "sell"), ("sell", "buy")):
            if plain[own]:
                found = weigh(piles[own], piles[other], CONFIG)
                expected = plain_weigh(plain[own].values(), plain[other].values(), CONFIG)
                assert (
                    found.log_odds, list(found.parts.items()), found.counted,
                    found.dominating, found.size,
                ) == expected  # fmt: skip
                alone = weigh(piles[own], Pile(), CONFIG).log_odds - CONFIG.bias
                most = piles[own].most(CONFIG.rest_share, CONFIG.rest_max)
                assert abs(most - alone) < 0.001 * (1 + len(GROUPS))


def test_what_came_first_is_forgotten_up_to_an_instant():
    pile = Pile()
    for number, ts_last in enumerate((5, 9, 7)):
        pile.put(("sweep", 1, number), piece("sweep", 1.0, 1)._replace(ts_last=ts_last))
    assert pile.newest_ns() == 7
    pile.forget(4)
    assert len(pile) == 3
    # In the order of arrival: what came late stays as long as its neighbours.
    pile.forget(8)
    assert [piece.ts_last for _, piece in pile.items()] == [9, 7]
    pile.forget(9)
    assert len(pile) == 0


def test_an_empty_pile_has_nothing():
    empty = Pile()
    assert (len(empty), empty.groups(), empty.strongest("passive", 3), empty.size) == (0, [], [], 0)
