import socket
import struct
import threading

import pytest

from connectors.databento.control import answer
from connectors.databento.inbox import Chunk, Inbox, LinkEvent
from connectors.databento.link import TEXT_BYTES_MAX, Link, LinkPlan
from connectors.databento.live_config import Subscription
from connectors.databento.loop import LoopThread
from tests.connectors.databento.servers import GREETING, KEY, serving
from tests.flows import wait_for

SUBSCRIPTIONS = (
    Subscription("definition", "parent", ("ES.FUT",), 0),
    Subscription("mbo", "parent", ("ES.FUT",), None, snapshot=True),
)


@pytest.fixture
def loop():
    thread = LoopThread(1_000)
    yield thread
    thread.stop()
    assert not [t for t in threading.enumerate() if t.name == "ifd-live"]


def plan(port, **given):
    words = {
        "host": "127.0.0.1",
        "port": port,
        "key": KEY,
        "dataset": "GLBX.MDP3",
        "ts_out": True,
        "compression": "none",
        "heartbeat_interval_s": 10,
        "subscriptions": SUBSCRIPTIONS,
        "subscriptions_per_s": 100,
        "connect_timeout_s": 10.0,
        "auth_timeout_s": 10.0,
        "silence_s": 10.0,
    }
    return LinkPlan(**(words | given))


def run(loop, plan, inbox=None):
    """Everything a connection told until it was over, reads joined."""
    inbox = inbox or Inbox(2**30, 2**30)
    link = Link(plan, inbox, loop)
    link.open()
    events, data = [], b""

    def is_over():
        nonlocal data
        while (found := inbox.take()) is not None:
            if isinstance(found, Chunk):
                data += found.data
            else:
                events.append(found)
        return events and events[-1].kind in ("lost", "refused", "strange")

    wait_for(is_over, "the end of the connection", 20)
    link.abort()
    return events, data


def kinds(events):
    return [event.kind for event in events]


def test_a_session_from_greeting_to_clean_end(loop):
    seen = []

    def gateway(client):
        client.send(GREETING)
        seen.append(client.line())
        client.send(b"success=1|session_id=7\n")
        seen.extend(client.line() for _ in range(3))
        client.send(b"abc" * 1_000)

    with serving(gateway) as port:
        events, data = run(loop, plan(port))
    assert kinds(events) == ["connected", "authenticated", "started", "lost"]
    assert (events[1].text, events[-1].text) == ("7", "closed by the gateway")
    assert data == b"abc" * 1_000
    auth, definitions, books, start = seen
    assert f"auth={answer('c' * 32, KEY)}|dataset=GLBX.MDP3|encoding=dbn|ts_out=1" in auth
    assert "compression=none|heartbeat_interval_s=10" in auth
    assert KEY not in auth
    assert definitions == (
        "schema=definition|stype_in=parent|symbols=ES.FUT|start=0|snapshot=0|id=1|is_last=1"
    )
    assert books == "schema=mbo|stype_in=parent|symbols=ES.FUT|snapshot=1|id=2|is_last=1"
    assert start.startswith("start_session")


def test_a_reset_is_a_loss_after_what_came_before_it(loop):
    def gateway(client):
        client.to_start()
        client.send(b"abc")
        client.line()  # until the test resets
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    inbox = Inbox(2**30, 2**30)
    with serving(gateway) as port:
        link = Link(plan(port), inbox, loop)
        link.open()
        wait_for(lambda: inbox.queued_bytes == 3, "the bytes", 20)
        link._loop.call_soon_threadsafe(link._feed.transport.write, b"\n")
        found = []
        wait_for(
            lambda: (
                (found.append(inbox.take()) or isinstance(found[-1], LinkEvent))
                and found[-1].kind == "lost"
            ),
            "the loss",
            20,
        )
    assert found[-1].text.startswith("broken: ")


def test_nobody_listens(loop):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    events, _ = run(loop, plan(port))
    assert kinds(events) == ["lost"]
    assert events[0].text.startswith("no connection: ")


def test_a_refused_key(loop):
    def gateway(client):
        client.send(GREETING)
        client.line()
        client.send(b"success=0|error=Authentication failed.\n")

    with serving(gateway) as port:
        events, _ = run(loop, plan(port))
    assert events[1:] == [LinkEvent("refused", "Authentication failed.")]


@pytest.mark.parametrize(
    "text",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\n", b"lsg_version=1|more=2\n", b"x" * 90_000],
)
def test_something_that_is_no_gateway(loop, text):
    with serving(lambda client: (client.send(text), client.wait_closed())) as port:
        events, _ = run(loop, plan(port))
    assert kinds(events) == ["connected", "strange"]
    assert len(events[1].text) <= 120
    assert len(text) < TEXT_BYTES_MAX or "bytes before" in events[1].text


def test_closed_before_it_answered(loop):
    with serving(lambda client: client.send(GREETING)) as port:
        events, _ = run(loop, plan(port))
    assert events[-1].kind == "lost"
    assert "before the answer" in events[-1].text or "broken" in events[-1].text


def test_silent_before_it_answers(loop):
    with serving(lambda client: client.wait_closed()) as port:
        events, _ = run(loop, plan(port, auth_timeout_s=0.05))
    assert events[-1] == LinkEvent("lost", "no answer to the key within 0.05 s")


@pytest.mark.parametrize("data", [b"", b"abc"])
def test_silence_is_found_even_if_nothing_ever_came(loop, data):
    def gateway(client):
        client.to_start()
        client.send(data)
        client.wait_closed()

    with serving(gateway) as port:
        events, got = run(loop, plan(port, silence_s=0.1))
    assert events[-1] == LinkEvent("lost", "silent for 0.1 s")
    assert got == data


def test_nothing_is_read_while_nobody_takes_and_nothing_is_lost(loop):
    size = 24 * 1024 * 1024

    def gateway(client):
        client.to_start()
        client.send(bytes(size))
        client.wait_closed()

    inbox = Inbox(100_000, 2**30)
    with serving(gateway) as port:
        # Shorter than the pause below: silence of our own making is none of the gateway's.
        link = Link(plan(port, silence_s=0.2), inbox, loop)
        link.open()
        wait_for(lambda: inbox.full_count == 1, "a full inbox", 20)
        wait_for(lambda: link._loop.time() > link._heard_s + 0.5, "a pause", 20)
        assert inbox.queued_bytes <= 100_000 + 1024 * 1024
        taken = 0

        def all_taken():
            nonlocal taken
            while (found := inbox.take()) is not None:
                taken += len(found.data) if isinstance(found, Chunk) else 0
            return taken == size

        wait_for(all_taken, "all bytes", 20)
        link.abort()
    assert inbox.full_count > 1


def test_what_was_given_up_tells_nothing_more(loop):
    told = threading.Event()

    def gateway(client):
        client.to_start()
        told.set()
        client.wait_closed()

    inbox = Inbox(100_000, 2**30)
    with serving(gateway) as port:
        link = Link(plan(port), inbox, loop)
        link.open()
        assert told.wait(20)
        link.abort()
        wait_for(link._task.done, "the end of the task", 20)
    found = []
    while (each := inbox.take()) is not None:
        found.append(each.kind)
    assert "lost" not in found


def test_a_key_stands_in_no_repr(loop):
    assert KEY not in repr(plan(1))
