"""What history has cost, by UTC day: a small file, so that a restart does not forget it."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors.databento.history_errors import HistoryError
from operators.model.records import NS_PER_S

NAME: Final = "costs.json"
DAYS_KEPT: Final = 400


class Ledger:
    """The account in one folder; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def spent_usd(self, now_ns: int) -> float:
        """Cost of the UTC day of `now_ns` so far.

        Raises:
            HistoryError: the account cannot be read, so nothing may be spent.
        """
        with self._locked():
            return self._read().get(_day(now_ns), 0.0)

    def spend(self, now_ns: int, usd: float, most_usd: float) -> bool:
        """Note `usd` more, unless the day would cost more than `most_usd`; whether it may.

        Raises:
            HistoryError: the account cannot be read or written, so nothing may be spent.
        """
        with self._locked():
            days = self._read()
            total = days.get(_day(now_ns), 0.0) + usd
            if total > most_usd:
                return False
            days[_day(now_ns)] = total
            kept = dict(sorted(days.items())[-DAYS_KEPT:])
            partial = self._path.with_suffix(".part")
            partial.write_text(json.dumps(kept, indent=1))
            partial.replace(self._path)
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            reason = error.strerror or str(error)
            text = f"{self._path}: expected an account of costs that can be written, found"
            remedy = "set history.directory"
            raise HistoryError(f"{text}: {reason}; {remedy}", is_final=True) from error

    def _read(self) -> dict[str, float]:
        if not self._path.exists():
            return {}
        try:
            days = json.loads(self._path.read_text())
            return {str(day): float(usd) for day, usd in days.items()}
        except (ValueError, AttributeError, TypeError):
            found = f"{self._path}: expected a cost for each day, found something else"
            raise HistoryError(f"{found}; mend or remove the file", is_final=True) from None


def _day(now_ns: int) -> str:
    return datetime.fromtimestamp(now_ns // NS_PER_S, UTC).date().isoformat()
