from sinks.relay.api.ports import Live
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.view import HubView
from tests.sinks.relay.reader import message


def test_the_api_sees_the_hub():
    hub = Hub(RelayConfig())
    view: Live = HubView(hub)
    assert (view.epoch, dict(view.positions()), list(view.latest("status"))) == (None, {}, [])
    status = message("cme", 0, stream="status")
    hub.publish([status, message("ES", 1)])
    assert view.epoch == "g1"
    assert view.positions() == {("signals", "ES"): 1}
    assert list(view.latest("status")) == [status]
