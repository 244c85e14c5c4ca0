from sinks.gate import Gate


def test_it_is_open_unless_somebody_holds_it():
    gate = Gate()
    assert gate.is_open()
    gate.hold("a")
    gate.hold("b")
    gate.hold("b")
    gate.release("a")
    assert not gate.is_open()
    gate.release("b")
    gate.release("never held")
    assert gate.is_open()
    assert gate.closings == 1


def test_draining_is_said_and_does_not_open_it():
    gate = Gate()
    gate.hold("a")
    assert not gate.is_draining()
    gate.drain()
    assert gate.is_draining()
    assert not gate.is_open()
