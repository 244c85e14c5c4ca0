"""Readiness: what the relay process still waits for, in words. Written by who assembles it."""


class Readiness:
    """Reasons not to be ready yet, by part; ready when there are none. State: one line a part."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def wait_for(self, part: str, reason: str) -> None:
        """Not ready because of `part`; the reason is one line that anybody may read."""
        self._reasons[part] = " ".join(reason.split())

    def done(self, part: str) -> None:
        """`part` is there; no error if it was not waited for."""
        self._reasons.pop(part, None)

    def reasons(self) -> list[str]:
        """`part: reason` of all that is waited for, in the order in which it was said."""
        return [f"{part}: {reason}" for part, reason in self._reasons.items()]
