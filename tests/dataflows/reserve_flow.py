"""A small flow with a recovery store on a disk that fills up: with a reserve, and without one."""

import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, run_main

from dataflows.reserve import Reserve

MIB = 2**20
GROWTH_BYTES = MIB // 32
COUNT = 150
FULL_FROM = 40


class Numbers(FixedPartitionedSource):
    """Counts; from a number on, the disk fills up."""

    def __init__(self, folder: Path, reserve: Reserve | None, *, fills: bool) -> None:
        self._words = (folder, reserve, fills)

    def list_parts(self):
        return ["numbers"]

    def build_part(self, step_id, for_part, resume_state):
        return NumbersPart(*self._words, resume_state or 0)


class NumbersPart(StatefulSourcePartition):
    def __init__(self, folder: Path, reserve: Reserve | None, fills: bool, number: int) -> None:
        self._folder, self._reserve, self._fills, self._number = folder, reserve, fills, number

    def next_batch(self):
        if self._number == COUNT or (self._reserve is not None and self._reserve.is_spent()):
            raise StopIteration
        if self._fills and self._number >= FULL_FROM:
            with suppress(OSError), (self._folder / "ballast").open("ab", buffering=0) as ballast:
                ballast.write(bytes(MIB))
        self._number += 1
        return [("key", self._number)]

    def snapshot(self):
        return self._number


class Sum(StatefulBatchLogic):
    """A sum, with a snapshot that takes more and more room."""

    def __init__(self, state: tuple[int, bytes] | None) -> None:
        self._sum, self._ballast = (0, bytes(MIB // 2)) if state is None else state

    def on_batch(self, values):
        self._sum += sum(values)
        self._ballast += bytes(GROWTH_BYTES)
        return [self._sum], self.RETAIN

    def snapshot(self):
        return self._sum, self._ballast


def run(folder: Path, reserve_bytes: int, *, fills: bool) -> None:
    store = folder / "store"
    if not store.exists():
        store.mkdir()
        init_db_dir(store, 1)
    told: list[str] = []
    reserve = None
    if reserve_bytes:
        ticking = iter(range(10**9))
        reserve = Reserve(
            store, reserve_bytes, lambda error: told.append(str(error)), clock_s=ticking.__next__
        )
        reserve.hold()
    sums: list[tuple[str, int]] = []
    flow = Dataflow("sums")
    numbers = op.input("numbers", flow, Numbers(folder, reserve, fills=fills))
    totals = op.stateful_batch("sum", numbers, Sum)
    op.output("out", totals, TestingSink(sums))
    run_main(
        flow,
        epoch_interval=timedelta(milliseconds=1),
        recovery_config=RecoveryConfig(str(store), timedelta(0)),
    )
    sys.stdout.write(f"{sums[0][1]} {sums[-1][1]} {' '.join(told)}\n")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    size = int(sys.argv[2])
    run(place, size, fills=True)
    (place / "ballast").unlink()
    run(place, size, fills=False)
