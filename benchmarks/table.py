"""Results as a table for a reader: figures, ratios from the same run, and targets."""

from typing import Any, Final

STEPS: Final = ("decode", "split", "validate", "book", "pressure", "baseline", "detect", "analyze")


def show(results: dict[str, Any]) -> str:
    """The table."""
    parts = (_head, _steps, _connector, _whole, _latency)
    return "\n".join(line for part in parts for line in part(results))


def _head(results: dict[str, Any]) -> list[str]:
    lines = [results["machine"]]
    for name, tape in results["tapes"].items():
        lines.append(
            f"{name}: {tape['records']:,} records, {tape['instruments']:,} instruments, "
            f"{tape['resting_orders']:,} resting orders, "
            f"{tape['per_active_instrument_second']:.1f} records per active instrument-second"
        )
    return lines


def _steps(results: dict[str, Any]) -> list[str]:
    steps = results["steps"]
    objects = steps["objects"]["cpu_ns"]
    lines = ["", f"{'ns/record':<38}{'CPU':>9}{'wall':>9}{'of objects':>12}   target"]
    rows = [(name, steps[name], "") for name in STEPS]
    rows += [("  of the book: kernel alone", steps["kernel"], "120, aim 75")]
    rows += [("sum of the steps", steps["sum"], "")]
    rows += [("whole, Bytewax, recovery on", results["whole"], "500, aim 200")]
    rows += [("databento_dbn.DBNDecoder, objects", steps["objects"], "")]
    rows += [("(pressure, its stream published)", results["published"], "")]
    for name, found, target in rows:
        ratio = found["cpu_ns"] / objects
        lines.append(
            f"{name:<38}{found['cpu_ns']:>9.1f}{found['wall_ns']:>9.1f}{ratio:>12.2f}   {target}"
        )
    return lines


def _connector(results: dict[str, Any]) -> list[str]:
    found = results["connector"]
    lines = ["", f"{'connector, ns/record':<38}{'CPU':>9}{'wall':>9}{'records/s':>12}"]
    labels = {
        "socket": "from a socket, no tape",
        "socket_ts_out": "the same with ts_out",
        "socket_taped": "the same with a tape",
    }
    for name, label in labels.items():
        each = found[name]
        figures = f"{each['cpu_ns']:>9.1f}{each['wall_ns']:>9.1f}{each['records_per_s']:>12,.0f}"
        lines.append(f"{label:<38}{figures}   5,000,000 records/s")
    for name, each in found["steps"].items():
        label = f"  from memory: {name}"
        lines.append(f"{label:<38}{each['cpu_ns']:>9.1f}{each['wall_ns']:>9.1f}")
    return lines


def _whole(results: dict[str, Any]) -> list[str]:
    whole, large, snapshots = results["whole"], results["whole_large"], results["snapshots"]
    tape, wide = results["tapes"]["tape"], results["tapes"]["large"]
    growth = large["cpu_ns"] / whole["cpu_ns"]
    step_ns = ", ".join(f"{name} {size:,}" for name, size in snapshots["bytes"].items())
    return [
        "",
        (
            f"whole: {1e9 / whole['cpu_ns']:,.0f} records per CPU second, "
            f"{1e9 / whole['wall_ns']:,.0f} per second (target 2,000,000)"
        ),
        (
            f"growth to {wide['instruments']:,} instruments and {wide['resting_orders']:,} orders: "
            f"x{growth:.2f} CPU ({large['cpu_ns']:.0f} ns; target x1.5), records per active "
            f"instrument-second x{_pace(wide) / _pace(tape):.2f}"
        ),
        (
            f"peak memory there: {large['peak_memory_bytes'] / 1e6:,.0f} MB (target 600), "
            f"recovery store {large['store_bytes'] / 1e6:,.0f} MB"
        ),
        (
            f"snapshot: {snapshots['bytes_per_order']:.1f} bytes per order, the book alone "
            f"{snapshots['book_bytes_per_order']:.1f} (target 40); "
            f"{snapshots['made_cpu_ms']:.0f} ms to make, "
            f"{snapshots['pickled_cpu_ms']:.0f} ms to pickle"
        ),
        f"snapshot by step, bytes: {step_ns}",
    ]


def _latency(results: dict[str, Any]) -> list[str]:
    lines = ["", f"{'event to signal, bursts of 1,000, ms':<38}{'p50':>9}{'p99':>9}{'worst':>12}"]
    names = {"empty": "empty pipeline", "single": "one book like ESH4", "large": "1 M orders"}
    targets = {"single": "p99 5"}
    for name, found in results["latency"].items():
        label = f"{names[name]} ({found['resting_orders']:,} orders)"
        lines.append(
            f"{label:<38}{found['p50_ms']:>9.2f}{found['p99_ms']:>9.2f}{found['worst_ms']:>12.2f}"
            f"   {targets.get(name, '')}"
        )
    return lines


def _pace(tape: dict[str, Any]) -> float:
    return float(tape["per_active_instrument_second"])
