from sinks.relay.api.baselines import BaselineRow, RootBaseline
from tests.sinks.relay.api.asking import ask
from tests.sinks.relay.api.world import World


def test_a_baseline_is_shown_where_there_is_one():
    row = BaselineRow(
        instrument_class="FUT", bucket=3, metric="size", count=9,
        q01=1.0, q25=1.0, median=2.0, q75=3.0, q99=40.0,
    )  # fmt: skip
    found = RootBaseline(root="ES", sessions=("2024-03-13",), bucket_s=1_800, rows=(row,))
    app = World().app(baseline_of=lambda root: found if root == "ES" else None)
    body = ask(app, "/v1/baselines/ES").json()
    assert (body["sessions"], body["rows"][0]["median"]) == (["2024-03-13"], 2.0)
    assert "no root 'NQ'" in ask(app, "/v1/baselines/NQ").json()["text"]
