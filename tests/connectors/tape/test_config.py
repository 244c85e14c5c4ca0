import pytest

from connectors.tape.config import TapeConfig


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("directory", "", "directory must name a folder"),
        ("dataset", "", "dataset must have 1 to 16 characters"),
        ("dataset", "x" * 17, "dataset must have 1 to 16 characters"),
        ("segment_bytes_max", 1, "segment_bytes_max must be at least 1 MiB, was 1"),
        ("roll_minute", 1_440, "roll_minute must be 0 to 1439, was 1440"),
        ("roll_zone", "Nowhere/At_All", "roll_zone must be a time zone, was 'Nowhere/At_All'"),
        ("zstd_level", 0, "zstd_level must be 1 to 19, was 0"),
        ("frame_bytes", 1, "frame_bytes must be 64 KiB to 64 MiB, was 1"),
        ("sync_interval_s", 0.0, "sync_interval_s must be more than 0, was 0.0"),
        ("sync_timeout_s", float("nan"), "sync_timeout_s must be more than 0, was nan"),
        ("retention_days", float("inf"), "retention_days must be more than 0, was inf"),
        ("keep_s", -1.0, "keep_s must be at least 0, was -1.0"),
        ("budget_bytes", -1, "budget_bytes must be at least 0, was -1"),
        ("reserve_bytes_min", -1, "reserve_bytes_min must be at least 0, was -1"),
        ("reserve_bytes", 5, "reserve_bytes must be at least reserve_bytes_min, 268435456, was 5"),
    ],
)
def test_nonsense_is_refused_by_name(name, value, said):
    with pytest.raises(ValueError, match=said):
        TapeConfig(**{name: value})


def test_without_a_tape_no_folder_is_needed():
    assert not TapeConfig(enabled=False, directory="").enabled
