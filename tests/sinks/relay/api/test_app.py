import socket
import subprocess
import sys
import threading

import httpx
import pytest
import uvicorn

from sinks.relay.config import RelayConfig
from tests.sinks.relay.api.asking import ask, problem
from tests.sinks.relay.api.world import ROOMY, World, filled

TOKEN = "a-token-of-this-test"
ROUTES = [
    "/v1/version", "/v1/signals", "/v1/signals/ES-1", "/v1/executions", "/v1/gaps",
    "/v1/outcomes", "/v1/pressure", "/v1/pressure/ES", "/v1/baselines/ES", "/v1/reliability",
    "/v1/accuracy", "/v1/feeds", "/v1/stats/latency", "/v1/alerts", "/v1/roots", "/v1/symbols",
    "/healthz", "/readyz", "/openapi.json", "/asyncapi.json", "/",
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_answers_get_and_head_alike(route):
    app = filled().app()
    got, head = ask(app, route), ask(app, route, "HEAD")
    assert got.status_code == head.status_code == 200
    assert got.content
    assert not head.content
    assert head.headers["content-length"] == got.headers["content-length"]
    assert got.headers["x-content-type-options"] == "nosniff"


def test_no_page_loads_anything_from_another_host():
    app = filled().app()
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        problem(ask(app, path))
    policy = ask(app, "/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; connect-src 'self' ws://localhost:8765 ")


def test_what_is_not_there_yet_says_so():
    app = World().app()
    assert ask(app, "/v1/signals").json() == {"items": [], "next": None}
    assert ask(app, "/v1/pressure").json() == {"items": [], "next": None}
    assert ask(app, "/v1/reliability").json() == {"count": 0, "text": "no outcomes yet", "bins": []}
    latency = {"count": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}
    assert ask(app, "/v1/stats/latency").json() == latency
    assert ask(app, "/v1/roots").json() == {"epoch": None, "items": []}
    baseline = ask(app, "/v1/baselines/ES").json()
    assert baseline["rows"] == []
    assert "--save-baseline" in baseline["text"]


def test_tokens_guard_the_data_and_the_document_says_so():
    app = filled().app(relay=RelayConfig(tokens={"desk": TOKEN}))
    assert ask(app, "/v1/signals").status_code == 401
    assert ask(app, "/v1/none").status_code == 401
    assert ask(app, "/v1/version").json()["auth_required"] is True
    assert ask(app, "/").status_code == 200
    answer = ask(app, "/v1/signals", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    paths = ask(app, "/openapi.json").json()["paths"]
    assert paths["/v1/signals"]["get"]["security"] == [{"bearer": []}]
    assert paths["/healthz"]["get"]["security"] == []


def test_a_fault_in_a_route_is_a_problem_without_a_trace(caplog):
    world = filled()
    world.store.page = lambda *_args, **_words: 1 / 0
    answer = ask(world.app(), "/v1/signals")
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
    problem(answer)
    assert "ZeroDivisionError" in caplog.text


def test_importing_it_touches_nothing_and_loads_no_analytics():
    code = (
        "import sys; import sinks.relay.api.app; "
        "print([m for m in ('polars', 'numba', 'bytewax', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_real_server_and_a_rude_client():
    """Over a socket: what httpx would never send is refused by uvicorn or by us, with no fault."""
    config = uvicorn.Config(filled().app(ROOMY), port=0, log_level="critical", lifespan="on")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/v1/signals?limit=2", timeout=30)
            assert len(answer.json()["items"]) == 2
            head = httpx.head(f"http://127.0.0.1:{port}/v1/signals", timeout=30)
            assert (head.status_code, head.content) == (200, b"")
            for sent in (
                b"GET /v1/signals HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                b"GET /v1/signals HTTP/1.1\r\n\r\n",
                b"GET /v1/gaps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n123",
                b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"\x16\x03\x01\x00\xff nonsense\r\n\r\n",
            ):
                with socket.create_connection(("127.0.0.1", port), timeout=30) as rude:
                    rude.sendall(sent)
                    assert rude.recv(4_096).startswith(b"HTTP/1.1 4")
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30).status_code == 200
        finally:
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive()
