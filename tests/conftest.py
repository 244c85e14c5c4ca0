"""What every test run shares: deterministic hypothesis, fresh numba kernels, quiet settings."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dataflows.kernel_cache import use_kernel_cache

# Before any test module imports a kernel, and told to the processes that tests start.
use_kernel_cache()

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
