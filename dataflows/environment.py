"""Settings for a process that is started, as variables of its environment."""

import json
import os
from collections.abc import Mapping


def environment(given: Mapping[str, object]) -> dict[str, str]:
    """This process's environment with dotted keys as `IFD_SECTION__KEY` variables."""
    extra = {f"IFD_{key.replace('.', '__').upper()}": _text(value) for key, value in given.items()}
    return {**os.environ, **extra}


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return json.dumps(list(value))
    return "none" if value is None else str(value)
