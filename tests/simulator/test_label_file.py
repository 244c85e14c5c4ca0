"""Label files: what is written is read again, and what is no label is refused with its line."""

from pathlib import Path

import orjson
import pytest

from operators.model.errors import ConfigError
from simulator.institutions import Label
from simulator.label_file import labels_path, read_labels, write_labels

LABEL = Label(
    who="institution-1",
    kind="twap",
    institutional=True,
    directional=True,
    root="ES",
    symbol="ESM6",
    instrument_id=1001,
    instruments=(1001,),
    side="buy",
    size=120,
    executed=118,
    ts_start="1775482205000000000",
    ts_end="1775482305000000000",
    order_ids=("6412777000001", "6412777000009"),
    difficulty="easy",
    regime="normal",
)
LEAST = {"kind": "pov", "root": "ES", "side": "sell", "ts_start": 5, "ts_end": "9"}


def read(tmp_path: Path, *lines: object) -> list[Label]:
    path = tmp_path / "x.labels.ndjson"
    path.write_bytes(b"\n".join(x if isinstance(x, bytes) else orjson.dumps(x) for x in lines))
    return read_labels(path)


def test_labels_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "truth.ndjson"
    write_labels([LABEL, LABEL], path)
    assert read_labels(path) == [LABEL, LABEL]
    assert len(path.read_bytes().splitlines()) == 2


def test_a_line_may_leave_out_all_but_what_is_judged(tmp_path):
    (label,) = read(tmp_path, LEAST, b"")
    assert (label.kind, label.side, label.ts_start, label.ts_end) == ("pov", "sell", "5", "9")
    assert label.institutional
    assert label.directional
    assert label.order_ids == label.instruments == ()
    (calm,) = read(tmp_path, LEAST | {"side": "none", "institutional": False})
    assert not calm.directional


@pytest.mark.parametrize("name", ["a/x.dbn", "a/x.dbn.zst"])
def test_labels_stand_beside_their_tape(name):
    assert labels_path(Path(name)) == Path("a/x.labels.ndjson")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"side": "long"}, "side: expected buy, sell, none, found 'long'"),
        ({"ts_end": 4}, "ts_end is before ts_start"),
        ({"ts_end": 1.5}, "ts_end: expected a whole number below 2\\^64, found 1.5"),
        ({"ts_start": "soon"}, "ts_start: expected a whole number"),
        ({"ts_start": True}, "ts_start: expected a whole number"),
        ({"size": -1}, "size: expected a number from 0, found -1"),
        ({"kind": 7}, "kind: expected text, found 7"),
        ({"institutional": "yes"}, "institutional: expected true or false"),
        ({"directional": False}, "a directional label has a side, another has none"),
        ({"order_ids": "1"}, "order_ids: expected a list"),
        ({"order_ids": [-1]}, "order_ids: expected a whole number"),
        ({"Side": "buy"}, "'Side' is not known, expected who, kind"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(tmp_path, change, text):
    with pytest.raises(ConfigError, match=f"ndjson:2: {text}"):
        read(tmp_path, LEAST, LEAST | change)


@pytest.mark.parametrize("name", sorted(LEAST))
def test_what_is_missing_is_told(tmp_path, name):
    with pytest.raises(ConfigError, match=f"ndjson:1: {name} is missing"):
        read(tmp_path, {key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize("line", [b"{", b"[1]", b"\xff\xfe", b'"' + b"x" * (1 << 20) + b'"'])
def test_what_is_no_object_is_refused(tmp_path, line):
    with pytest.raises(ConfigError, match="ndjson:1: expected"):
        read(tmp_path, line)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_labels(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        write_labels([LABEL], tmp_path / "none" / "x")
