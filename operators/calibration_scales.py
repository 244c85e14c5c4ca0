"""The scale of each feed: as the step was configured, or as a control record has it since."""

from typing import Any

from operators.calibration import Scale
from operators.model.calibration import Calibration
from operators.model.calibration_record import MoveTable, read_table, recalibrated, taken
from operators.model.items import Control


class Scales:
    """Scales by feed. State: of each feed the table in force, and the parts of one under way."""

    def __init__(
        self,
        calibration: Calibration | None,
        false_alarms_per_day: float,
        state: dict[str, Any] | None = None,
    ) -> None:
        self._calibration = calibration
        self._false_alarms_per_day = false_alarms_per_day
        self._configured = Scale(calibration, false_alarms_per_day)
        self._scales: dict[str, Scale] = {}
        self._tables: dict[str, MoveTable] = {}
        self._parts: dict[str, tuple[str, ...]] = {}
        self.refused = 0
        """Tables that were cut off, records that said nothing, tables of another calibration."""
        if state is not None:
            self.refused = state["refused"]
            self._parts = dict(state["parts"])
            for feed, text in state["tables"]:
                self._take(feed, read_table(text))

    def of(self, feed: str) -> Scale:
        """What log-odds mean on a feed now."""
        return self._scales.get(feed, self._configured)

    def on_control(self, item: Control) -> bool:
        """Take a record up; whether its feed has another scale from here on."""
        parts = self._parts.pop(item.feed, ())
        # What was cut off stays without effect; the record may begin the next table.
        for known in (parts, ()) if parts else ((),):
            try:
                kept, table = taken(known, item.value)
            except ValueError:
                self.refused += 1
                continue
            if kept:
                self._parts[item.feed] = kept
            return table is not None and self._take(item.feed, table)
        return False

    def pack(self) -> dict[str, Any]:
        """Plain copied state."""
        return {
            "tables": tuple((feed, table.text()) for feed, table in sorted(self._tables.items())),
            "parts": tuple(sorted(self._parts.items())),
            "refused": self.refused,
        }

    def _take(self, feed: str, table: MoveTable) -> bool:
        found = None if self._calibration is None else recalibrated(self._calibration, table)
        if found is None:
            self.refused += 1
            return False
        self._tables[feed] = table
        self._scales[feed] = Scale(found, self._false_alarms_per_day)
        return True
