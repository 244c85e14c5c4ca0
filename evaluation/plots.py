"""A report as one HTML page with its plots inside: no script, nothing fetched."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from evaluation.svg import Axis, Series, bars, chart
from evaluation.table import table

_STYLE: Final = (
    "body{font-family:system-ui,sans-serif;margin:24px auto;max-width:1180px;color:#1f2937}"
    "figure{display:inline-block;margin:8px;vertical-align:top}"
    "pre{background:#f3f4f6;padding:12px;overflow-x:auto;font-size:12px}"
)


def page(report: Mapping[str, Any]) -> str:
    """The plots, the table and the remarks of a report."""
    figures = "".join(f"<figure>{svg}</figure>" for svg in plots(report).values())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Detection quality</title><style>{_STYLE}</style></head><body>"
        f"<h1>Detection quality</h1><p>{escape(_about(report))}</p>{figures}"
        f"<pre>{escape(table(report))}</pre></body></html>\n"
    )


def plots(report: Mapping[str, Any]) -> dict[str, str]:
    """Name → SVG."""
    return {
        "recall": _recall(report),
        "reliability": _reliability(report),
        "kinds": _kinds(report, "recall_at_equal_false_alarms", "Recall at equal false alarms"),
        "delay": _kinds(report, "median_delay_fraction", "Median delay, share of the duration"),
    }


def _about(report: Mapping[str, Any]) -> str:
    words = [f"{report['tapes']} tapes, {report['labels']} labels"]
    for name in ("seeds", "folder", "regimes", "difficulty", "minutes", "params"):
        if name in report:
            value = report[name]
            told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            words.append(f"{name}: {told}")
    return "; ".join(words)


def _recall(report: Mapping[str, Any]) -> str:
    """Recall over false alarms: what a threshold gives and costs."""
    series, most = [], 1.0
    for name, found in report["engines"].items():
        points = [(each["false_alarms_per_hour"], each["recall"]) for each in found["sweep"]]
        most = max([most, *(x for x, _ in points)])
        series.append(Series(name, tuple(points)))
    x = Axis("false alarms per hour of a root, logarithmic", 0.1, max(100.0, most), log=True)
    return chart("Recall at each threshold", x, Axis("recall", 0, 1), series)


def _reliability(report: Mapping[str, Any]) -> str:
    series = [
        Series(name, tuple((each["p_mean"], each["hit_ratio"]) for each in found["reliability"]))
        for name, found in report["engines"].items()
    ]
    x, y = Axis("probability stated", 0, 1), Axis("how often it was so", 0, 1)
    return chart("Calibration: on the diagonal a probability is kept", x, y, series, diagonal=True)


def _kinds(report: Mapping[str, Any], key: str, title: str) -> str:
    engines = report["engines"]
    kinds = sorted(
        {
            kind
            for found in engines.values()
            for kind, each in found["by_kind"].items()
            if each["counts"]["labels"]
        }
    )
    series = []
    for name, found in engines.items():
        values = [(k, found["by_kind"].get(kind, {}).get(key)) for k, kind in enumerate(kinds)]
        known = tuple((float(k), float(value)) for k, value in values if value is not None)
        series.append(Series(name, known, joined=False))
    return bars(title, Axis("", 0, 1), kinds, series)
