from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.errors import ConfigError
from sinks.alerts.policy_file import load_policy, parse_policy
from sinks.alerts.strict_toml import Refused
from tests.sinks.alerts.signals import receiver

NIGHT = "[quiet_hours.night]\nfrom=22:00:00\nto=06:00:00"
SAMPLE = Path(__file__).resolve().parents[3] / "config" / "alerts.toml"


def refusal(text, secrets=()):
    with pytest.raises(Refused) as caught:
        parse_policy(text, secrets)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_sample_tells_nobody():
    policy = load_policy(SAMPLE)
    assert policy.receivers == {}
    assert policy.route.receivers == ()


def test_the_sample_with_its_comments_taken_away_is_usable():
    text = SAMPLE.read_text()
    head, body = text.split("version = 1", 1)
    lines = [line.removeprefix("# ") if "=" in line or line.startswith("# [") else line
             for line in body.splitlines() if line != "#"]  # fmt: skip
    policy = parse_policy(
        "\n".join(["version = 1", *lines]), {"slack_desk", "smtp_password", "twilio_token"}
    )
    assert head.startswith("#")
    assert list(policy.receivers) == ["desk", "mail", "phone"]
    assert len(policy.route.routes) == 2
    assert len(policy.silences) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = ", "not TOML: "),
        ("recievers = {}", "recievers: no such key; did you mean receivers?"),
        ("version = 2", "version: expected 1, found 2"),
        ("time_zone = 'Mars'", "time_zone must be a zone such as America/Chicago, was 'Mars'"),
        ("time_zone = '../../etc/passwd'", "time_zone must be a zone"),
        (receiver(keys="budgt_per_hour = 3"),
         "receivers.desk.budgt_per_hour: no such key; did you mean budget_per_hour?"),
        (receiver(keys="budget_per_hour = 0"),
         "receivers.desk.budget_per_hour must be from 1 to 1000, was 0"),
        (receiver(keys="budget_per_hour = 1.5"),
         "receivers.desk.budget_per_hour: expected a whole number, found 1.5"),
        (receiver(keys="confidence_min = true"),
         "receivers.desk.confidence_min: expected a number, found True"),
        (receiver(keys="confidence_min = nan"),
         "receivers.desk.confidence_min: expected a number, found nan"),
        (receiver(keys="severity_min = 'bad'"),
         "severity_min: expected one of info, notice, warning, critical, found 'bad'"),
        (receiver(keys="quiet_hours = ['nite']") + NIGHT,
         "receivers.desk.quiet_hours: no quiet hours 'nite'; did you mean night?"),
        ("[receivers.desk]", "receivers.desk: must have one channel of email, slack, sms, webhook"),
        ("[receivers.desk.email]\nto=['a@b.c']\nsender='d@e.f'",
         "receivers.desk.email.host: expected a value, found none"),
        ("[receivers.desk.slack]\nurl_secret='hook'",
         "secret 'hook' is not set; set the environment variable IFD_ALERTS__SECRETS__HOOK"),
        (receiver("desk") + "[route]\nreceivers=['dsk']",
         "route.receivers: no receiver 'dsk'; did you mean desk?"),
        ("[[route.routes]]\n[[route.routes.routes]]\nreceivers=['x']",
         "route.routes[0].routes[0].receivers: no receiver 'x'; there are none"),
        ("[[route.routes]]\n[[route.routes]]",
         "route.routes[1]: never reached, because routes[0] takes everything"),
        ("[route]\ngroup_by=['colour']",
         "route.group_by[0]: expected one of root, kind, side, strength, severity, symbol"),
        ("[route]\nmatch = { confidnce_min = 1 }",
         "route.match.confidnce_min: no such key; did you mean confidence_min?"),
        ("[route]\ngroup_wait_s = 301", "route.group_wait_s must be from 0 to 300, was 301"),
        ("[route]\nrepeat_interval_s = 5", "route.repeat_interval_s must be 0 or from 60"),
        ("[[inhibit]]\nsource = {}\ntarget = {}", "inhibit[0].source and target are the same"),
        ("[[silences]]\nfrom = 2026-01-01T00:00:00\nto = 2026-01-02T00:00:00Z",
         "silences[0].from must have an offset such as Z or -06:00"),
        ("[[silences]]\nfrom = 2026-01-02T00:00:00Z\nto = 2026-01-01T00:00:00Z",
         "silences[0].to must be later than from"),
        ("[[silences]]\nfrom = 2026-01-01\nto = 2026-01-02",
         "silences[0].from: expected an instant such as"),
        ("[quiet_hours.x]\nfrom=22:00:00\nto=22:00:00", "quiet_hours.x.to must differ from from"),
        ("[quiet_hours.x]\nfrom=22:00:00\nto=23:00:00\nthrough='all'",
         "quiet_hours.x.through: expected one of info, notice, warning, critical, nothing"),
        ("receivers = 5", "receivers: expected a table, found 5"),
        ("[route]\nreceivers = 'desk'", "route.receivers: expected a list, found 'desk'"),
        ("route = " + "{routes=[" * 20 + "]}" * 20, "expected at most 16 routes inside each other"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_its_place(text, said):
    assert said in refusal(text)


def test_secrets_are_found_in_any_case():
    text = "[receivers.desk.slack]\nurl_secret='Hook'"
    assert parse_policy(text, {"hook"}).receivers["desk"].channel_name == "slack"


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        load_policy(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"a\.toml: 'utf-8' codec"):
        load_policy(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text("#" * 1_000_001)
    with pytest.raises(ConfigError, match="expected at most 1,000,000 bytes"):
        load_policy(tmp_path / "b.toml")


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_refused(text):
    said = ""
    try:
        parse_policy(text)
    except Refused as error:
        said = str(error)
    assert "\n" not in said
