import pickle

from operators.model.items import Instrument, Statistic
from operators.options.columns import BARE, COMBINED, OPTION, PLAIN
from operators.options.listing import OPEN_INTEREST, Listing
from tests.evaluations import FEED, e9, ns
from tests.operators.options.chains import EXPIRY_NS, FUTURE, IDS, definition

ID = IDS["C4810"]


def named(symbol, id_=ID):
    return Instrument(FEED, id_, symbol, "ES", "mapping", ns(0))


def test_a_definition_says_everything():
    listing = Listing()
    assert listing.learn(definition("C4810")) == (FEED, ID)
    assert listing.of(FEED, ID) == (OPTION, 1, e9(4810), EXPIRY_NS, FUTURE, e9(50), "USD")
    assert listing.learn(definition("C4810", ts_event=ns(5))) is None
    assert listing.of("other", ID).kind == PLAIN


def test_a_symbol_says_that_it_is_an_option_and_no_more():
    listing = Listing()
    assert listing.learn(named("ESM4 C4800")) == (FEED, ID)
    assert listing.of(FEED, ID) == (BARE, 0, 0, 0, 0, 0, "")
    listing.learn(definition("C4810"))
    assert listing.learn(named("ESM4 C4800")) is None
    assert listing.of(FEED, ID).kind == OPTION


def test_terms_that_are_undefined_are_not_made_up():
    for field in ("strike_price_e9", "expiration_ns"):
        listing = Listing()
        listing.learn(definition("C4810", **{field: None}))
        assert listing.of(FEED, ID).kind == BARE
    listing = Listing()
    listing.learn(definition("C4810", underlying_id=None, point_value_e9=None))
    assert listing.of(FEED, ID)[4:6] == (0, 0)


def test_spreads_of_options_are_known_by_class_or_symbol():
    listing = Listing()
    listing.learn(definition("C4810", instrument_class="T"))
    listing.learn(named("UD:1V: VT 12345678", 70))
    assert listing.of(FEED, ID).kind == listing.of(FEED, 70).kind == COMBINED


def test_futures_and_calendar_spreads_are_not_kept():
    listing = Listing()
    for symbol in ("ESH4", "ESH4-ESM4", "1234"):
        assert listing.learn(named(symbol, FUTURE)) is None
    assert listing.learn(definition("ESH4")) is None
    assert len(listing) == 0


def test_an_id_that_becomes_a_future_is_forgotten():
    listing = Listing()
    listing.learn(definition("C4810"))
    assert listing.learn(definition("C4810", instrument_class="F")) == (FEED, ID)
    assert listing.of(FEED, ID).kind == PLAIN


def test_open_interest_is_known_once_it_is_told():
    listing = Listing()
    told = Statistic(FEED, ID, ns(1), OPEN_INTEREST, None, 1_234)
    listing.learn(told)
    assert listing.open_interest(FEED, ID) is None
    listing.learn(definition("C4810"))
    listing.learn(told)
    listing.learn(Statistic(FEED, ID, ns(1), OPEN_INTEREST, None, None))
    listing.learn(Statistic(FEED, ID, ns(1), 6, None, 5))
    assert listing.open_interest(FEED, ID) == 1_234


def test_a_snapshot_brings_it_back():
    listing = Listing()
    listing.learn(definition("C4810"))
    listing.learn(Statistic(FEED, ID, ns(1), OPEN_INTEREST, None, 7))
    state = pickle.loads(pickle.dumps(listing.snapshot()))
    again = Listing(state)
    assert again.of(FEED, ID) == listing.of(FEED, ID)
    assert again.open_interest(FEED, ID) == 7
    assert again.snapshot() == state
