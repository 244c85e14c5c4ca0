"""What every test run shares: deterministic hypothesis, fresh numba kernels, quiet settings."""

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent


def _kernels_stamp() -> str:
    """Changes when any kernel does: numba's own cache does not see a change in a called file."""
    stamp = 0
    for path in sorted(
        p for name in ("operators", "simulator") for p in (ROOT / name).rglob("*.py")
    ):
        stamp = zlib.crc32(path.read_bytes(), stamp)
    return f"{stamp:08x}"


# Before any test module imports numba, and inherited by the processes that tests start.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".numba_cache" / _kernels_stamp()))

# The same examples at every run. Slow examples are no failure: two cores may be shared.
DETERMINISTIC = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("fast", DETERMINISTIC, max_examples=20)
settings.register_profile("ci", DETERMINISTIC, max_examples=100)
# New examples at every run, and many: what a person starts before a release.
settings.register_profile("deep", DETERMINISTIC, max_examples=2_000, derandomize=False)
settings.load_profile(os.environ.get("IFD_HYPOTHESIS", "ci"))


@pytest.fixture
def real_data() -> Path:
    """Folder of real market data; skips where there is none."""
    folder = os.environ.get("IFD_REAL_DATA")
    if not folder:
        pytest.skip(
            "IFD_REAL_DATA is unset: it names a folder of real market data, never committed"
        )
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"IFD_REAL_DATA is {folder}, expected a folder")
    return path
