"""`ifd live` whose workers kill themselves now and then, where it could hurt most.

`snapshot`: while the state of a step is taken; `produced`: before a transaction is committed;
`committed`: after that, and before the sink knows. Each kill leaves a file in KILL_FOLDER, named
so, and of each kind there are KILL_MAX.
"""

import os
import random
import signal
import sys
from pathlib import Path


def die(kind: str, chance: float) -> None:
    """Now and then, as long as there may be more of this kind."""
    folder = Path(os.environ["KILL_FOLDER"])
    left = int(os.environ["KILL_MAX"]) - len(list(folder.glob(f"{kind}-*")))
    if random.random() < chance and left > 0:
        (folder / f"{kind}-{os.getpid()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def in_snapshot() -> None:
    from dataflows.adapter import OperatorLogic

    snapshot = OperatorLogic.snapshot

    def dying(self: OperatorLogic) -> object:
        state = snapshot(self)
        die("snapshot", 0.02)
        return state

    OperatorLogic.snapshot = dying  # type: ignore[method-assign]


def around_commit() -> None:
    from sinks.kafka_transaction import Transactions

    commit = Transactions._commit

    def dying(self: Transactions) -> None:
        die("produced", 0.05)
        commit(self)
        die("committed", 0.05)

    Transactions._commit = dying  # type: ignore[method-assign]


def main() -> None:
    """A worker if it was started as one, else the command."""
    if "dataflows.worker:flow" in sys.argv:
        from dataflows import worker

        in_snapshot()
        around_commit()
        worker.main()
        return
    from dataflows import supervisor
    from dataflows.cli.main import main as command

    words = supervisor._command

    def mine(*arguments: object) -> list[str]:
        python, _, _, *rest = words(*arguments)  # type: ignore[arg-type]
        return [python, __file__, *rest]

    supervisor._command = mine  # type: ignore[assignment]
    sys.exit(command(sys.argv[1:]))


if __name__ == "__main__":
    main()
