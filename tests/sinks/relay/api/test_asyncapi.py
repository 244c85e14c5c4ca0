import json
import shutil
import subprocess
import tarfile
import warnings
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from operators.model.streams import VALUE_TYPES, topic
from sinks.relay.api.asyncapi import asyncapi
from sinks.relay.api.components import PREFIX
from sinks.schema import schema

ROOT = Path(__file__).resolve().parents[4]
SPECS = "6.11.1"
DOCUMENT = asyncapi("0.1.0", "localhost:9092", "localhost:8765")


def references(part):
    """Every reference below a part of the document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from references(item)


def resolved(reference):
    found = DOCUMENT
    for word in reference.removeprefix("#/").split("/"):
        found = found[word]
    return found


def test_every_reference_leads_somewhere():
    found = set(references(DOCUMENT))
    assert len(found) > 50
    for reference in found:
        assert resolved(reference) is not None


def test_every_topic_is_a_channel_with_the_type_on_it():
    for stream in VALUE_TYPES:
        channel = DOCUMENT["channels"][stream]
        assert channel["address"] == topic(stream)
        (message,) = channel["messages"].values()
        payload = resolved(resolved(message["$ref"])["payload"]["$ref"])
        assert payload["required"] == schema(stream)["required"]
        assert payload["description"] == schema(stream)["description"]
        assert DOCUMENT["operations"][f"send_{stream}"]["action"] == "send"


def test_what_is_stated_of_the_move_is_in_the_document():
    for stream, names in (
        ("signals", {"p_move", "p_move_low", "p_move_high", "p_move_horizon_s"}),
        ("outcomes", {"p_move"}),
    ):
        (message,) = DOCUMENT["channels"][stream]["messages"].values()
        payload = resolved(resolved(message["$ref"])["payload"]["$ref"])
        assert names <= set(payload["properties"])


def test_every_frame_of_the_socket_is_a_message_with_a_direction():
    ops = {"receive": set(), "send": set()}
    for operation in DOCUMENT["operations"].values():
        if operation["channel"]["$ref"] == "#/channels/socket":
            (message,) = operation["messages"]
            ops[operation["action"]].add(resolved(resolved(message["$ref"])["$ref"])["name"])
    assert ops["receive"] == {"auth", "subscribe", "unsubscribe", "ping"}
    assert ops["send"] == {
        "hello", "ack", "snapshot", "update", "heartbeat", "gap", "epoch", "rate_limited",
        "error", "bye", "pong",
    }  # fmt: skip


def test_every_schema_is_one():
    for name, form in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(form)
        assert "$defs" not in form, name
        assert not [r for r in references(form) if not r.startswith(PREFIX)], name


def test_without_kafka_the_document_names_no_broker():
    document = asyncapi("0.1.0", "", "localhost:8765")
    assert list(document["servers"]) == ["relay"]
    assert "servers" not in document["channels"]["signals"]


@pytest.fixture(scope="module")
def official_schema():
    """JSON Schema of AsyncAPI 3.0 from its makers' npm package, fetched once into `.cache/`."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on the path")
    folder = ROOT / ".cache" / "asyncapi"
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"asyncapi-specs-{SPECS}.tgz"
    if not archive.exists():
        subprocess.run(
            [npm, "pack", "--silent", f"@asyncapi/specs@{SPECS}"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=120,
        )
    with tarfile.open(archive) as package:
        file = package.extractfile("package/schemas/3.0.0.json")
        assert file is not None
        return json.load(file)


@pytest.mark.servers
def test_the_makers_schema_accepts_it(official_schema):
    with warnings.catch_warnings():
        # The schema's parts name one another by address; all of them are inside.
        warnings.simplefilter("ignore", DeprecationWarning)
        errors = list(Draft7Validator(official_schema).iter_errors(DOCUMENT))
        assert not errors, "\n".join(f"{e.json_path}: {e.message[:200]}" for e in errors)
        broken = json.loads(json.dumps(DOCUMENT))
        broken["operations"]["send_signals"]["action"] = "shout"
        assert list(Draft7Validator(official_schema).iter_errors(broken))
