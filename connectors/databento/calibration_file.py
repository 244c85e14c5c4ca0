"""The file with the table of `p_move` that a running feed takes up, watched."""

from pathlib import Path
from typing import Final

from operators.model.calibration_record import MoveTable, read_table
from operators.model.records import NS_PER_S

LOOK_NS: Final = NS_PER_S
"""The file is looked at so seldom."""
BYTES_MAX: Final = 65_536


class CalibrationFile:
    """Tells when the file holds another table than the feed has. Reads it when it has changed."""

    def __init__(self, path: Path, base: str) -> None:
        """Watch `path`; tables belong to the calibration `base`, empty if there is none."""
        self._path = path
        self._base = base
        self._looked_ns: int | None = None
        self._seen: tuple[int, int, int] | None = None
        self._table: MoveTable | None = None
        self.text = ""
        """What is wrong with the file, for the feed's status; empty: nothing."""

    def wanted(self, version: str, now_ns: int) -> MoveTable | None:
        """The table to be taken up, if it is another than `version`, which the feed has.

        Args:
            version: Empty if the feed never had one: that is the calibration itself.
            now_ns: Any clock that goes on.
        """
        if self._looked_ns is None or now_ns >= self._looked_ns + LOOK_NS:
            self._looked_ns = now_ns
            self._look()
        table = self._table
        return None if table is None or table.version == (version or self._base) else table

    def _look(self) -> None:
        """A file that is gone changes nothing: what the feed has holds on."""
        try:
            told = self._path.stat()
            seen = (told.st_mtime_ns, told.st_size, told.st_ino)
            if seen == self._seen:
                return
            self._table, self.text = None, ""
            if told.st_size > BYTES_MAX:
                raise ValueError(f"{told.st_size:,} bytes are no table")
            table = read_table(self._path.read_text(encoding="utf-8"))
            if table.base != self._base:
                mine = self._base or "none"
                raise ValueError(f"it belongs to calibration {table.base}, in force is {mine}")
            self._table, self._seen = table, seen
        except FileNotFoundError:
            self._table, self._seen, self.text = None, None, ""
        except (OSError, ValueError) as error:
            self._seen = None
            self.text = f"live.calibration_file {self._path} is not taken up: {error}"
