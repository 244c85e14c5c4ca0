"""Email over SMTP with TLS."""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from threading import Timer
from typing import Final

from sinks.alerts.channels.channel import Notice, Secrets, SendError
from sinks.alerts.channels.channel_config import EmailConfig
from sinks.alerts.channels.http import tls_context
from sinks.alerts.texts import html, plain, subject

QUIT_TIMEOUT_S: Final = 1.0
_FINAL: Final = 500
"""Replies from here on are refusals for good (RFC 5321, 4.2.1)."""


class Email:
    """Delivery: at least once, and a possible repeat is marked.

    The Message-ID is the same for every attempt, so that servers and readers can drop a repeat.

    References:
        RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS), RFC 3834 (Auto-Submitted).
    """

    def __init__(
        self,
        config: EmailConfig,
        secret: Callable[[str], str],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError if the authority's file cannot be used."""
        self._config = config
        self._password = secret(config.password_secret) if config.password_secret else ""
        self._secrets = Secrets((self._password,) if self._password else ())
        self._tls = tls_context(config.ca_file)
        self._now_s = now_s

    def send(self, notice: Notice) -> None:
        """Hand it to the server, which answers for it from then on. Raises SendError."""
        message = self.message(notice)
        data_sent = False
        try:
            with self._session() as server:
                data_sent = True
                refused = server.send_message(message, self._config.sender, self._config.to)
        except smtplib.SMTPResponseException as error:
            raise self._refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPRecipientsRefused as error:
            # If one may be taken later, all are tried again: nobody has it yet.
            code, reply = min(error.recipients.values(), key=lambda refusal: refusal[0])
            raise self._refusal(code, reply) from None
        except ssl.SSLCertVerificationError as error:
            raise self._error(
                f"the certificate is not trusted: {error.verify_message}", 0.0
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise self._error(str(error)) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            said = str(error) or type(error).__name__
            raise self._error(said, 0.0, may_have_arrived=data_sent) from None
        if refused:
            address, (code, why) = next(iter(refused.items()))
            # The others have it; to try again would repeat it to them.
            raise self._error(f"{address} refused: {code} {_text(why)}; the others have it")

    def message(self, notice: Notice) -> EmailMessage:
        """The whole message. Headers are one line whatever the signal says."""
        intent, repeat = notice.intent, notice.possible_repeat
        domain = self._config.sender.rpartition("@")[2]
        message = EmailMessage(policy=SMTP)
        message["From"] = self._config.sender
        message["To"] = ", ".join(self._config.to)
        message["Subject"] = subject(intent, notice.zone, possible_repeat=repeat)
        message["Date"] = formatdate(self._now_s())
        message["Message-ID"] = f"<{intent.id}@{domain}>"
        if intent.follows:
            message["In-Reply-To"] = f"<{intent.follows[-1]}@{domain}>"
            message["References"] = " ".join(f"<{known}@{domain}>" for known in intent.follows)
        message["Auto-Submitted"] = "auto-generated"
        message["X-IFD-Kind"] = intent.kind
        if repeat:
            message["X-IFD-Possible-Repeat"] = "true"
        args = (intent, notice.zone, notice.dashboard_url)
        message.set_content(plain(*args, possible_repeat=repeat))
        message.add_alternative(html(*args, possible_repeat=repeat), subtype="html")
        return message

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A server that is ready for a message; as a whole it lasts `timeout_s` at most."""
        config = self._config
        server: smtplib.SMTP
        if config.security == "tls":
            server = smtplib.SMTP_SSL(timeout=config.timeout_s, context=self._tls)
        else:
            server = smtplib.SMTP(timeout=config.timeout_s)
        # smtplib takes the name to verify from here.
        server._host = config.host  # type: ignore[attr-defined]
        timer = Timer(config.timeout_s, _cut, (server,))
        timer.daemon = True
        timer.start()
        try:
            code, said = server.connect(config.host, config.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, said)
            if config.security == "starttls":
                server.starttls(context=self._tls)
            if config.user:
                server.login(config.user, self._password)
            yield server
        finally:
            _bye(server)
            timer.cancel()

    def _refusal(self, code: int, said: bytes | str) -> SendError:
        return self._error(f"refused: {code} {_text(said)}", None if code >= _FINAL else 0.0)

    def _error(
        self, said: str, wait_s: float | None = None, *, may_have_arrived: bool = False
    ) -> SendError:
        return SendError(self._secrets.hidden(said), wait_s, may_have_arrived=may_have_arrived)


def _cut(server: smtplib.SMTP) -> None:
    """End what takes too long as a whole: a socket's time-out begins anew with each byte."""
    if (connection := server.sock) is not None:
        with suppress(OSError):  # It may be over by itself.
            connection.shutdown(socket.SHUT_RDWR)


def _bye(server: smtplib.SMTP) -> None:
    """What the server says to QUIT changes nothing any more, nor does silence."""
    with suppress(OSError, smtplib.SMTPException):
        if server.sock is not None:
            server.sock.settimeout(QUIT_TIMEOUT_S)
            server.quit()
    with suppress(OSError):
        server.close()


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
