"""What history has cost, by UTC day: a small file, so that a restart does not forget it."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from connectors.databento.history_errors import HistoryError
from operators.model.records import NS_PER_S

NAME: Final = "costs.json"
DAYS_KEPT: Final = 400
_BYTES_MAX: Final = 1 << 20


class Ledger:
    """The account in one folder; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def spent_usd(self, now_ns: int) -> float:
        """Cost of the UTC day of `now_ns` so far.

        Raises:
            HistoryError: the account cannot be read, so nothing may be spent.
        """
        with self._locked() as file:
            return self._read(file).get(_day(now_ns), 0.0)

    def spend(self, now_ns: int, usd: float, most_usd: float) -> bool:
        """Note `usd` more, unless the day would cost more than `most_usd`; whether it may.

        Raises:
            HistoryError: the account cannot be read or written, so nothing may be spent.
        """
        with self._locked() as file:
            days = self._read(file)
            total = days.get(_day(now_ns), 0.0) + usd
            if total > most_usd:
                return False
            days[_day(now_ns)] = total
            kept = dict(sorted(days.items())[-DAYS_KEPT:])
            file.seek(0)
            file.write(json.dumps(kept, indent=1))
            file.truncate()
        return True

    @contextmanager
    def _locked(self) -> Iterator[IO[str]]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                yield file
        except OSError as error:
            reason = error.strerror or str(error)
            text = (
                f"{self._path}: expected an account of costs that can be written, found: {reason}"
            )
            raise HistoryError(f"{text}; set history.directory", is_final=True) from error

    def _read(self, file: IO[str]) -> dict[str, float]:
        text = file.read(_BYTES_MAX)
        try:
            days = json.loads(text or "{}")
            return {str(day): float(usd) for day, usd in days.items()}
        except (ValueError, AttributeError, TypeError):
            found = f"{self._path}: expected a cost for each day, found something else"
            raise HistoryError(f"{found}; mend or remove the file", is_final=True) from None


def _day(now_ns: int) -> str:
    return datetime.fromtimestamp(now_ns // NS_PER_S, UTC).date().isoformat()
