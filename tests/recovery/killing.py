"""`ifd live` whose workers kill themselves, each at one of the moments where it could hurt most.

`snapshot`: while the state of a step is taken; `produced`: before a transaction is committed;
`committed`: after that, and before the sink knows. Each kill leaves a file in KILL_FOLDER, named
so, and of each kind there are KILL_MAX.
"""

import os
import random
import signal
import sys
from pathlib import Path

KINDS = ("snapshot", "produced", "committed")


class Fate:
    """Of this process: a kind of which there may be more, and how often that moment passes by."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["KILL_FOLDER"])
        most = int(os.environ["KILL_MAX"])
        left = [kind for kind in KINDS if len(list(self._folder.glob(f"{kind}-*"))) < most]
        self._kind = random.choice(left) if left else ""
        self._passes = random.randrange(3)

    def meet(self, kind: str) -> None:
        """The moment has come; perhaps it is the one."""
        if kind != self._kind:
            return
        if self._passes == 0:
            (self._folder / f"{kind}-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        self._passes -= 1


def in_snapshot(fate: Fate) -> None:
    from dataflows.adapter import OperatorLogic

    snapshot = OperatorLogic.snapshot

    def dying(self: OperatorLogic) -> object:
        state = snapshot(self)
        fate.meet("snapshot")
        return state

    OperatorLogic.snapshot = dying  # type: ignore[method-assign]


def around_commit(fate: Fate) -> None:
    from sinks.kafka_transaction import Transactions

    commit = Transactions._commit

    def dying(self: Transactions) -> None:
        fate.meet("produced")
        commit(self)
        fate.meet("committed")

    Transactions._commit = dying  # type: ignore[method-assign]


def main() -> None:
    """A worker if it was started as one, else the command."""
    if "dataflows.worker:flow" in sys.argv:
        from dataflows import worker

        fate = Fate()
        in_snapshot(fate)
        around_commit(fate)
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
