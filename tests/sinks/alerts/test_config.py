import pytest

from sinks.alerts.config import AlertsConfig


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"outbox_count_max": 3}, "outbox_count_max must be from 4 to 1000000, was 3"),
        ({"flush_timeout_s": float("nan")}, "flush_timeout_s must be from 0 to 600, was nan"),
        ({"backoff_first_s": 9, "backoff_last_s": 1}, "backoff_last_s must be at least"),
        ({"dashboard_url": "javascript:x"}, "dashboard_url must begin with http"),
        ({"policy": "p", "journal": ""}, "journal must name a file"),
        ({"journal_days": 0}, "journal_days must be from 1"),
    ],
)
def test_nonsense_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        AlertsConfig(**given)


def test_secrets_have_names_in_any_case_and_are_not_shown():
    config = AlertsConfig(secrets={"SMTP_Password": "x-secret", "EMPTY": ""})
    assert config.secret("smtp_password") == "x-secret"
    assert config.secret_names() == {"smtp_password"}
    assert "x-secret" not in repr(config)
