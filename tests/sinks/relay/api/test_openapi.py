from jsonschema import Draft202012Validator

from tests.sinks.relay.api.asking import ask
from tests.sinks.relay.api.world import filled

ROUTES = [
    "/v1/version", "/v1/signals", "/v1/signals/ES-1", "/v1/executions", "/v1/gaps",
    "/v1/outcomes", "/v1/pressure", "/v1/pressure/ES", "/v1/baselines/ES", "/v1/reliability",
    "/v1/accuracy", "/v1/feeds", "/v1/stats/latency", "/v1/alerts", "/v1/roots", "/v1/symbols",
    "/healthz", "/readyz", "/openapi.json", "/asyncapi.json", "/",
]  # fmt: skip


def test_the_document_lists_every_route_and_is_sound():
    document = ask(filled().app(), "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    listed = {path.replace("{root}", "ES").replace("{id}", "ES-1") for path in document["paths"]}
    assert listed == set(ROUTES) - {"/", "/openapi.json", "/asyncapi.json"}
    for form in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(form)
    for operations in document["paths"].values():
        assert set(operations) == {"get"}
        answers = operations["get"]["responses"]
        assert set(answers) >= {"200", "401", "403", "413", "414", "422", "429", "500"}


def test_what_is_stated_of_the_move_and_what_followed_are_in_the_document():
    forms = ask(filled().app(), "/openapi.json").json()["components"]["schemas"]
    signal = forms["Signal"]["properties"]
    for name in ("p_move", "p_move_low", "p_move_high"):
        assert "null" in str(signal[name]), name
        assert signal[name].get("default", None) is None
    assert signal["p_move_horizon_s"]["type"] == "integer"
    assert "p_move" in forms["Outcome"]["properties"]
    followed = forms["Followed"]["properties"]
    assert {"mean_ticks", "error_ticks", "low_ticks", "by_kind", "by_currency"} <= set(followed)
    assert {"coefficient", "low", "control_count"} <= set(forms["Information"]["properties"])
