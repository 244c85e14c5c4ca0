import pytest

from config.sections import ClusterConfig, FlowConfig, RecoveryConfig, SourceConfig


@pytest.mark.parametrize(
    ("config", "wrong", "said"),
    [
        (FlowConfig, {"shards": 0}, "shards must be from 1 to 1000, was 0"),
        (FlowConfig, {"shards": 1001}, "shards must be from 1 to 1000, was 1001"),
        (
            FlowConfig,
            {"shard_overrides": {"ES": 1}},
            "shard_overrides.ES must be from 0 to 0, was 1",
        ),
        (ClusterConfig, {"processes": 0}, "processes must be from 1 to 64, was 0"),
        (ClusterConfig, {"processes": 65}, "processes must be from 1 to 64, was 65"),
        (ClusterConfig, {"restarts_max": -1}, "restarts_max must be at least 0, was -1"),
        (ClusterConfig, {"stop_s": 0}, "stop_s must be more than 0, was 0"),
        (ClusterConfig, {"restarts_window_s": 0}, "restarts_window_s must be more than 0, was 0"),
        (ClusterConfig, {"backoff_first_s": 0}, "backoff_first_s must be more than 0, was 0"),
        (ClusterConfig, {"backoff_last_s": 0.1}, "backoff_last_s must be at least 0.5, was 0.1"),
        (SourceConfig, {"feed": ""}, "feed must be a name, was empty"),
        (SourceConfig, {"batch_rows": 0}, "batch_rows must be at least 1, was 0"),
        (SourceConfig, {"rows_per_epoch_max": 0}, "rows_per_epoch_max must be at least 1, was 0"),
        (SourceConfig, {"speed": -1.0}, "speed must be at least 0, was -1.0"),
        (SourceConfig, {"speed": float("inf")}, "speed must be at least 0, was inf"),
        (RecoveryConfig, {"epoch_s": 0}, "epoch_s must be more than 0, was 0"),
        (RecoveryConfig, {"epoch_s": float("nan")}, "epoch_s must be more than 0, was nan"),
        (RecoveryConfig, {"partitions": 0}, "partitions must be at least 1, was 0"),
        (RecoveryConfig, {"backup_s": -1}, "backup_s must be at least 0, was -1"),
    ],
)
def test_nonsense_is_refused_with_field_bound_and_value(config, wrong, said):
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        config(**wrong)
