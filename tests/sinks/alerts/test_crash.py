"""A process killed at every place of a delivery, then started again, over real SMTP and HTTP."""

import json
import subprocess
import sys
from collections import deque
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from time import time_ns

import pytest

from sinks.alerts.journal import SqliteJournal
from tests.sinks.alerts.servers import HttpServer, MailServer

ROOT = Path(__file__).resolve().parents[3]
KILLED = -9
SIGNALS = 6
PLACES = (
    "before_intent", "after_intent", "before_sending", "after_sending", "after_send",
    "before_sent", "after_sent", "after_failure", "before_retrying", "after_retrying",
    "after_snapshot",
)  # fmt: skip

POLICY = """
[receivers.desk.email]
to = ["desk@example.com"]
sender = "ifd@example.com"
host = "127.0.0.1"
port = {port}
security = "none"
[receivers.hook.webhook]
url = "{url}/in"
[route]
receivers = ["desk", "hook"]
group_wait_s = 0
"""


def worker(folder, place="none", passed=0):
    words = [sys.executable, "-m", "tests.sinks.alerts.alerts_worker", str(folder), place]
    return subprocess.run(
        [*words, str(passed), str(SIGNALS)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def mails_of(server):
    """(id, whether marked) of each mail."""
    mails = [message_from_bytes(mail.content, policy=default) for mail in server.mails]
    return [
        (m["Message-ID"].partition("@")[0].lstrip("<"), bool(m["X-IFD-Possible-Repeat"]))
        for m in mails
    ]


def posts_of(server):
    """(id, whether marked) of each post that was taken."""
    taken = []
    for request, answer in zip(server.requests, server.answered, strict=True):
        body = json.loads(request.body)
        assert request.headers["Idempotency-Key"] == body["id"]
        if answer == 200:
            taken.append((body["id"], body["possible_repeat"]))
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("passed", [0, 3])
@pytest.mark.parametrize("place", PLACES)
def test_a_kill_loses_nothing_and_repeats_at_most_one_which_is_marked(tmp_path, place, passed):
    with MailServer() as mail, HttpServer(deque([503, 200, 200, 503, 200])) as hook:
        mail.box.data_replies = deque(["451 later", "250 ok", "250 ok", "451 later", "250 ok"])
        (tmp_path / "policy.toml").write_text(POLICY.format(port=mail.port, url=hook.url))
        (tmp_path / "start_ns").write_text(str(time_ns()))
        died = worker(tmp_path, place, passed)
        # A place may not be passed a fourth time; each is passed once.
        assert died.returncode == KILLED or (passed and died.returncode == 0), died.stderr
        again = worker(tmp_path)
        assert (again.returncode, again.stdout) == (0, "done\n"), again.stderr
        check(mails_of(mail))
        check(posts_of(hook))
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    assert [record.state for record in journal.recent(100)] == ["sent"] * 2 * SIGNALS
    journal.close()


def check(arrived):
    """All came; at most one message of a receiver came twice, and its second was marked."""
    seen, repeats = set(), []
    for key, marked in arrived:
        if key in seen:
            assert marked
            repeats.append(key)
        seen.add(key)
    assert len(seen) == SIGNALS
    assert len(repeats) <= 1
