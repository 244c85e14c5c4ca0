from sinks.relay.audience import Audience


class Somebody:
    def deliver(self, frames):
        raise AssertionError("nothing is delivered here")


def test_everybody_is_served_once_in_the_order_of_arrival():
    audience, a, b, c = Audience(), Somebody(), Somebody(), Somebody()
    audience.add(b, ("signals", "ES"))
    audience.add(a, ("signals", "*"))
    audience.add(b, ("signals", "*"))
    audience.add(c, ("gaps", "*"))
    assert list(audience.of(("signals", "ES"))) == [b, a]
    assert list(audience.of(("signals", "NQ"))) == [a, b]
    assert set(audience.everybody()) == {a, b, c}


def test_a_floor_goes_with_the_subscription_that_it_is_for():
    audience, who = Audience(), Somebody()
    key = ("signals", "ES")
    audience.add(who, key)
    audience.add(who, ("signals", "*"))
    audience.set_floor(who, key, 5, "g1")
    audience.remove(who, ("signals", "*"))
    assert audience.floor(who, key) == 5
    audience.remove(who, key)
    assert not audience.has_floors(key)
    assert not audience.wants(who, key)


def test_floors_of_another_epoch_are_forgotten():
    audience, who, other = Audience(), Somebody(), Somebody()
    key = ("signals", "ES")
    audience.set_floor(who, key, 5, "g1")
    audience.set_floor(other, key, 6, "g2")
    audience.forget_floors(but="g2")
    assert (audience.floor(who, key), audience.floor(other, key)) == (None, 6)
    audience.clear_floor(other, key)
    audience.clear_floor(other, key)
    assert not audience.has_floors(key)


def test_who_leaves_is_in_no_table():
    audience, who = Audience(), Somebody()
    audience.add(who, ("signals", "*"))
    audience.set_floor(who, ("signals", "ES"), 5, "g1")
    audience.leave(who)
    audience.leave(who)
    assert not list(audience.everybody())
    assert not audience.has_floors(("signals", "ES"))
