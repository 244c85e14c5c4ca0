"""Where on its tape a life of the recovery store began: for a process killed before any snapshot.

Without it such a process would begin anew, and publish under the same life what differs from what
it has published.
"""

import json
from typing import Final

from connectors.tape.config import TapeConfig
from connectors.tape.files import write_whole
from connectors.tape.segments import TapePosition, folder_of
from operators.model.errors import StateError

FILE_NAME: Final = "begin.json"


def beginning_of(
    config: TapeConfig, feed: str, life: str, tape_id: str, end: TapePosition
) -> tuple[str, TapePosition]:
    """Id of the tape and place where the records of `life` begin; `end` if they begin now.

    Raises:
        StateError: the file cannot be read or written.
    """
    file = folder_of(config, feed) / FILE_NAME
    try:
        known = json.loads(file.read_text()) if file.exists() else {}
        if known.get("life") == life:
            return str(known["tape"]), TapePosition(int(known["segment"]), int(known["offset"]))
        begun = {"life": life, "tape": tape_id, "segment": end.segment, "offset": end.offset}
        write_whole(file, json.dumps(begun).encode() + b"\n")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(
            f"{file}: expected where the tape of this recovery store begins, found: {error}; "
            "start with an empty recovery directory"
        ) from error
    return tape_id, end
