import pytest

from simulator.gateway.directory import Directory, Instrument, instrument_of


@pytest.fixture
def listed():
    directory = Directory()
    for number, symbol in enumerate(
        ("ESH6", "ESM6", "ESH6-ESM6", "NQM6", "EW2J6 C5000", "ESM6 P4900", "ESH27"), 1
    ):
        directory.add(instrument_of(number, symbol))
    directory.add(Instrument(8, "UD:1V: GN 2", "ES", "T"))
    return directory


def symbols(found):
    return [each.symbol for each in found]


@pytest.mark.parametrize(
    ("stype_in", "symbol", "expected"),
    [
        ("raw_symbol", "ESM6", ["ESM6"]),
        ("raw_symbol", "ESZ9", []),
        ("instrument_id", "4", ["NQM6"]),
        ("instrument_id", "99", []),
        ("instrument_id", "NQM6", []),
        ("parent", "ES.FUT", ["ESH6", "ESM6", "ESH6-ESM6", "ESH27"]),
        ("parent", "ES.OPT", ["ESM6 P4900", "UD:1V: GN 2"]),
        ("parent", "EW2.OPT", ["EW2J6 C5000"]),
        ("parent", "ES", []),
        ("continuous", "ES.C.0", ["ESH6"]),
        ("continuous", "ES.V.1", ["ESM6"]),
        ("continuous", "ES.N.2", ["ESH27"]),
        ("continuous", "ES.C.3", []),
        ("continuous", "ES.X.0", []),
    ],
)
def test_a_symbol_means_instruments(listed, stype_in, symbol, expected):
    assert symbols(listed.resolve(stype_in, symbol, 0)) == expected


def test_a_continuous_contract_rolls_at_expiration():
    directory = Directory()
    directory.add(Instrument(1, "ESH6", "ES", "F", expiration_ns=100))
    directory.add(Instrument(2, "ESM6", "ES", "F", expiration_ns=200))
    assert symbols(directory.resolve("continuous", "ES.c.0", 99)) == ["ESH6"]
    assert symbols(directory.resolve("continuous", "ES.c.0", 100)) == ["ESM6"]


def test_a_definition_knows_better_than_a_name():
    directory = Directory()
    directory.add(Instrument(1, ""))
    assert directory.symbol(1) == "1"
    directory.add(instrument_of(1, "ESM6"))
    directory.add(Instrument(1, "ESM6", "ES", "F", expiration_ns=5))
    directory.add(instrument_of(1, "OTHER"))
    assert directory.everything() == [Instrument(1, "ESM6", "ES", "F", expiration_ns=5)]
    assert len(directory) == 1
