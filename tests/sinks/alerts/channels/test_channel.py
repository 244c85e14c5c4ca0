from sinks.alerts.channels.channel import ERROR_CHARACTERS_MAX, HIDDEN, Secrets


def test_secrets_and_the_telling_parts_of_addresses_are_hidden():
    secrets = Secrets(("https://hooks.example.com/services/T1/LONGTOKEN", "pass"))
    said = secrets.hidden("POST /services/T1/LONGTOKEN with pass\nfailed")
    assert said == f"POST /{HIDDEN}/T1/{HIDDEN} with {HIDDEN} failed"
    assert "LONGTOKEN" not in repr(secrets)


def test_an_error_is_one_line_of_limited_length():
    assert len(Secrets(()).hidden("x\n" * 10_000)) <= ERROR_CHARACTERS_MAX
