from collections import deque
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from sinks.alerts.channels.channel import SendError
from sinks.alerts.channels.channel_config import EmailConfig
from sinks.alerts.channels.email import Email
from tests.sinks.alerts.notices import intent, notice
from tests.sinks.alerts.servers import MailServer, RawServer

PASSWORD = "correct-horse"


def email(port, security="none", **fields):
    given = {
        "to": ("desk@example.com",), "sender": "ifd@example.com", "host": "127.0.0.1",
        "port": port, "security": security, "timeout_s": 5.0,
    }  # fmt: skip
    return Email(EmailConfig(**given | fields), {"password": PASSWORD, "wrong": "nope"}.__getitem__)


def failure(channel):
    with pytest.raises(SendError) as caught:
        channel.send(notice())
    return caught.value


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_over_tls_with_a_login_and_a_verified_certificate(authority, security):
    login = {"user": "ifd", "password_secret": "password"}
    with MailServer(security, authority.context, PASSWORD) as server:
        email(server.port, security, ca_file=str(authority.file), **login).send(notice())
        error = failure(email(server.port, security, **login))
        wrong = login | {"password_secret": "wrong"}
        refusal = failure(email(server.port, security, ca_file=str(authority.file), **wrong))
    assert len(server.mails) == 1
    assert server.logins[0] == "ifd"
    assert "certificate is not trusted" in str(error)
    assert refusal.retry_after_s is None
    assert "535" in str(refusal)
    assert "nope" not in str(refusal)


def test_a_server_without_starttls_gets_nothing(authority):
    with MailServer() as server:
        error = failure(email(server.port, "starttls", ca_file=str(authority.file)))
    assert error.retry_after_s is None
    assert not server.mails


def test_a_mail_is_text_and_html_with_a_message_id_of_the_intent():
    with MailServer() as server:
        given = intent(reasons=("5 levels < 1 ms",))
        url = "https://ifd.example.com"
        email(server.port).send(notice(given, dashboard_url=url))
        email(server.port).send(notice(given, dashboard_url=url, repeat=True))
    first, second = [message_from_bytes(mail.content, policy=default) for mail in server.mails]
    assert first["Message-ID"] == second["Message-ID"] == f"<{given.id}@example.com>"
    assert first["Subject"].startswith("ES BUY 5000.25 · sweep HIGH 78 % (uncalibrated)")
    assert second["Subject"].startswith("[possible repeat] ES BUY")
    assert second["X-IFD-Possible-Repeat"] == "true"
    assert first["Auto-Submitted"] == "auto-generated"
    text = first.get_body(("plain",)).get_content()
    page = first.get_body(("html",)).get_content()
    assert "- 5 levels < 1 ms" in text.splitlines()
    assert f"{url}/#signal=a" in text
    assert "- 5 levels &lt; 1 ms" in page


def test_a_retraction_is_in_the_thread_of_its_alert():
    with MailServer() as server:
        email(server.port).send(notice(kind="retracted", follows=("1", "2"), change="retracted"))
    mail = message_from_bytes(server.mails[0].content, policy=default)
    assert mail["In-Reply-To"] == "<2@example.com>"
    assert mail["References"] == "<1@example.com> <2@example.com>"
    assert mail["Subject"].startswith("RETRACTED ES BUY")


def test_nothing_a_signal_says_becomes_a_header():
    bad = "x\r\nBcc: all@example.com\r\n\r\nbody"
    given = intent()
    brief = replace(given.briefs[0], root=bad, kind=bad, reasons=(bad,))
    with MailServer() as server:
        email(server.port).send(notice(replace(given, briefs=(brief,))))
    mail = message_from_bytes(server.mails[0].content, policy=default)
    assert mail["Bcc"] is None
    assert server.mails[0].to == ["desk@example.com"]
    assert "Bcc: all@example.com" in mail["Subject"]


@pytest.mark.parametrize(
    ("reply", "wait_s"), [("451 later", 0.0), ("452 full", 0.0), ("554 spam", None)]
)
def test_a_4xx_is_tried_again_a_5xx_is_not(reply, wait_s):
    with MailServer() as server:
        server.box.data_replies = deque([reply])
        error = failure(email(server.port))
    assert (error.retry_after_s, error.may_have_arrived) == (wait_s, False)
    assert str(error) == f"refused: {reply}"


def test_a_refused_address_is_named_and_the_others_have_it():
    with MailServer() as server:
        server.box.refused = {"gone@example.com": "550 no such user"}
        both = email(server.port, to=("desk@example.com", "gone@example.com"))
        assert str(failure(both)) == (
            "gone@example.com refused: 550 no such user; the others have it"
        )
        assert server.mails[0].to == ["desk@example.com"]
        alone = failure(email(server.port, to=("gone@example.com",)))
    assert alone.retry_after_s is None


def test_a_server_that_drips_or_vanishes_after_the_message_is_uncertain():
    def drip(connection, released):
        connection.sendall(b"220 ready\r\n")
        connection.recv(100)
        while not released.wait(0.02):
            connection.sendall(b"2")

    with RawServer(drip) as server:
        error = failure(email(server.port, timeout_s=0.4))
    assert error.retry_after_s == 0.0

    def vanish(connection, _):
        connection.sendall(b"220 ready\r\n")
        lines = connection.makefile("rb")
        for line in lines:
            if line.upper().startswith(b"DATA"):
                connection.sendall(b"354 go\r\n")
                for text in lines:
                    if text == b".\r\n":
                        return
            connection.sendall(b"250 ok\r\n")

    with RawServer(vanish) as server:
        error = failure(email(server.port))
    assert error.may_have_arrived


def test_a_port_where_nobody_listens_is_certain():
    with MailServer() as server:
        port = server.port
    error = failure(email(port))
    assert (error.retry_after_s, error.may_have_arrived) == (0.0, False)
