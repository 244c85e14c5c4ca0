import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.accuracy import Bins, Drift, Markouts, Tally, unpacked, wilson


def tally(block=10):
    return Tally(Drift(block))


def add(to, probability, markout, *, kind="sweep", sampled=False, unknown="", calibration="c1"):
    to.add(
        probability=probability, kind=kind, sampled=sampled, markout_ticks=markout,
        unknown=unknown, calibration=calibration,
    )  # fmt: skip


OUTCOMES = st.lists(
    st.tuples(
        st.floats(0, 1), st.one_of(st.none(), st.integers(-40, 40).map(lambda n: n / 2)),
        st.sampled_from(["sweep", "iceberg"]), st.booleans(),
    ),
    max_size=60,
)  # fmt: skip


@given(OUTCOMES, st.randoms(use_true_random=False))
def test_scores_are_those_of_plain_sums_in_any_order_and_after_any_resume(outcomes, rng):
    found = tally()
    for probability, markout, kind, sampled in rng.sample(outcomes, len(outcomes)):
        why = "gap" if markout is None else ""
        add(found, probability, markout, kind="control" if sampled else kind, sampled=sampled,
            unknown=why)  # fmt: skip
        if rng.random() < 0.2:
            found = unpacked(found.pack(), 10)
    score = found.score(60, 0.05)
    known = [(p, m) for p, m, _, sampled in outcomes if m is not None and not sampled]
    assert score.count == len(known)
    assert score.unknown.get("gap", 0) == sum(m is None and not s for _, m, _, s in outcomes)
    controls = [m for _, m, _, sampled in outcomes if sampled and m is not None]
    assert score.control_count == len(controls)
    if known:
        hits = [m > 0 for _, m in known]
        assert score.hits == sum(hits)
        brier = sum((p - hit) ** 2 for (p, _), hit in zip(known, hits, strict=True)) / len(known)
        assert score.brier == pytest.approx(brier, abs=1e-5)
        assert score.markout_mean_ticks == pytest.approx(sum(m for _, m in known) / len(known))
    else:
        assert (score.hit_ratio, score.brier, score.markout_mean_ticks) == (None, None, None)


def test_the_calibration_error_is_the_mean_distance_in_bins():
    bins = Bins()
    for number in range(10):
        bins.add(0.85, number < 6)  # says 85 %, is right in 60 %
        bins.add(0.15, number < 1)  # says 15 %, is right in 10 %
    assert bins.error() == pytest.approx((0.25 + 0.05) / 2)
    assert Bins().error() is None


def test_drift_is_seen_in_the_last_blocks_and_of_calibrated_probabilities_alone():
    found = tally(block=20)
    for number in range(400):
        add(found, 0.75, 1.0 if number % 4 else -1.0)
    assert found.score(60, 0.05).drift_alarm is False
    for _ in range(20):
        add(found, 0.75, -1.0)
    assert found.score(60, 0.05).drift_alarm is True
    plain = tally(block=20)
    for _ in range(400):
        add(plain, 0.75, -1.0, calibration="uncalibrated")
    score = plain.score(60, 0.05)
    assert (score.drift_error, score.drift_alarm) == (None, False)
    assert score.calibration_error == pytest.approx(0.75)


def test_skill_is_above_zero_where_what_is_said_is_better_than_the_base_rate():
    sharp, dull = tally(), tally()
    for number in range(40):
        add(sharp, 0.9 if number % 2 else 0.1, 1.0 if number % 2 else -1.0)
        add(dull, 0.9, 1.0 if number % 2 else -1.0)
    assert sharp.score(60, 0.05).brier_skill == pytest.approx(0.96)
    assert dull.score(60, 0.05).brier_skill < 0


def test_kinds_are_bounded():
    found = tally()
    for number in range(200):
        add(found, 0.5, 1.0, kind=f"k{number}")
    assert len(found.signals) == 65
    assert found.score(1, 0.05).count == 200


def test_the_error_of_a_mean_is_its_standard_error():
    one = Markouts()
    assert (one.mean(), one.error()) == (None, None)
    for value in (1.0, 2.0, 3.0, 4.0):
        one.add(value)
    assert one.mean() == pytest.approx(2.5)
    assert one.error() == pytest.approx(1.2909944 / 2)


def test_wilsons_interval_of_nothing_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
