"""A report as a table for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

COLUMNS: Final = (
    ("precision", "precision"),
    ("recall", "recall"),
    ("recall_at_equal_false_alarms", "recall ="),
    ("false_alarms_per_hour", "false/h"),
    ("median_delay_fraction", "delay"),
    ("ece", "ECE"),
    ("brier_skill", "skill"),
)
EQUAL: Final = "recall_at_equal_false_alarms"
LEGEND: Final = """\
recall =   at the same rate of false alarms for all engines, see above the table
false/h    signals per hour of a root on which nothing is labelled; in the tables by kind and
           difficulty: signals that this kind's own time got wrong, per hour of it
delay      median of (signal − start) / duration of what was found
ECE        expected calibration error of the probabilities stated
skill      of their Brier score: 0 is that of the base rate, 1 perfect
low, high  95 % interval, as if trades and points were independent
more ticks mean markout of signals less that of the controls that match them"""


def table(report: Mapping[str, Any]) -> str:
    """Overall figures of all engines, then by kind, difficulty, regime and root, with counts."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    engines = report["engines"]
    yield (
        f"{report['tapes']} tapes, {report['labels']} labels of institutions with a side,"
        f" {report['unlabelled_hours']:.1f} hours of a root on which nothing is labelled"
    )
    if (rate := report["equal_false_alarms_per_hour"]) is not None:
        yield f"equal false alarms: {rate:.2f} per hour"
    yield ""
    yield from _grid("engine", engines, ("labels", "signals"))
    yield ""
    yield from _comparison(report)
    first, *others = engines
    for group in ("kind", "difficulty", "regime", "root"):
        if rows := engines[first][f"by_{group}"]:
            yield ""
            yield from _grid(
                f"{first} by {group}",
                rows,
                ("labels", "signals"),
                {other: engines[other][f"by_{group}"] for other in others},
            )
    yield from _shares(engines)
    for name, found in engines.items():
        yield from _followed(name, found.get("followed", ()))
        yield from _information(name, found.get("information", ()))
    yield ""
    yield LEGEND
    for remark in report["quality"]:
        yield f"note: {remark}"


def _grid(
    head: str,
    rows: Mapping[str, Mapping[str, Any]],
    counts: Sequence[str],
    others: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
) -> Iterator[str]:
    """A line per row; `others` stand beside with what they find at equal false alarms."""
    others = others or {}
    width = max(len(head), *(len(name) for name in rows))
    heads = [f"{head:<{width}}", *(f"{name:>9}" for _, name in COLUMNS)]
    heads += [f"{f'{name} =':>14}" for name in others]
    yield "  ".join([*heads, *(f"{each:>7}" for each in counts)])
    for name, found in rows.items():
        cells = [f"{_cell(found[key]):>9}" for key, _ in COLUMNS]
        cells += [f"{_cell(each[name][EQUAL]):>14}" for each in others.values()]
        cells += [f"{found['counts'][each]:>7}" for each in counts]
        yield "  ".join([f"{name:<{width}}", *cells])


def _comparison(report: Mapping[str, Any]) -> Iterator[str]:
    names = list(report["engines"])
    yield "  ".join(["recall at false/h", *(f"{name:>12}" for name in names), f"{'× better':>9}"])
    for row in report["comparison"]:
        cells = [f"{_cell(row['recall'][name]):>12}" for name in names]
        cells.append(f"{_cell(row.get('recall_ratio')):>9}")
        yield "  ".join([f"{row['false_alarms_per_hour']:>17.2f}", *cells])


def _shares(engines: Mapping[str, Any]) -> Iterator[str]:
    for name, found in engines.items():
        if (innocent := found["look_alikes"])["n"]:
            yield ""
            yield (
                f"{name}: {innocent['hits']} of {innocent['n']} look-alikes raised a signal at"
                f" {innocent['threshold']:g}"
            )
        for difficulty, share in found.get("reach_high", {}).get("by_difficulty", {}).items():
            yield f"{name}: {share['hits']} of {share['n']} {difficulty} labels reached HIGH"


def _followed(name: str, horizons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What trading the signals would have made: all at each horizon, then by kind at the last."""
    if not any(each["trades"] for each in horizons):
        return
    first, last = horizons[0], horizons[-1]
    yield ""
    yield (
        f"{name}, {last['text']}: in {first['enter_s']} s after it, fee {last['fee']:g} a side;"
        f" real trading does worse"
    )
    heads = ("trades", "wins", "mean", "error", "low", "high", "total")
    yield "  ".join([f"{'out after, net':<24}", *(f"{head:>10}" for head in heads)])
    for each in horizons:
        gain = {
            "trades": each["trades"],
            "wins": each["wins"],
            "total": each["total_ticks"],
            **{key: each[f"{key}_ticks"] for key in ("mean", "error", "low", "high")},
        }
        yield _gain(f"{each['leave_s']} s, ticks", gain)
        for currency, money in each["by_currency"].items():
            yield _gain(f"{each['leave_s']} s, {currency}", money)
    for kind, gain in last["by_kind"].items():
        yield _gain(f"{last['leave_s']} s, {kind}, ticks", gain)
    if last["left_out"] or last["forgotten"]:
        yield (
            f"left out at {last['leave_s']} s: {last['left_out']} signals whose outcome or tick"
            f" value is not known, {last['forgotten']} too many"
        )


def _gain(head: str, gain: Mapping[str, Any]) -> str:
    cells = [f"{gain[key]:>10}" for key in ("trades", "wins")]
    cells += [f"{_cell(gain[key]):>10}" for key in ("mean", "error", "low", "high", "total")]
    return "  ".join([f"{head:<24}", *cells])


def _information(name: str, horizons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Rank correlation of what was stated with what followed, beside matched controls."""
    if not any(each["count"] or each["unmatched"] for each in horizons):
        return
    yield ""
    yield (
        f"{name}, rank correlation of probability and markout, signals and controls of the same"
        " root, regime, half hour and spread"
    )
    heads = ("rank corr.", "low", "high", "signals", "controls", "unmatched", "more ticks")
    yield "  ".join([f"{'after':<8}", *(f"{head:>10}" for head in heads)])
    for each in horizons:
        cells = [f"{_cell(each[key]):>10}" for key in ("coefficient", "low", "high")]
        cells += [f"{each[key]:>10}" for key in ("count", "control_count", "unmatched")]
        cells.append(f"{_cell(each['markout_difference_ticks']):>10}")
        yield "  ".join([f"{each['horizon_s']:>6} s", *cells])


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
