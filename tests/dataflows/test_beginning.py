from connectors.dbn_file import DbnFileConfig, DbnFileSource
from connectors.root_rules import RootsConfig
from dataflows.beginning import Beginning
from operators.model.items import MboRows
from tests.connectors.dbn_bytes import header, mbo


def rows(part):
    found = []
    for _ in range(20):
        try:
            found += [item.rows for _, item in part.next_batch() if isinstance(item, MboRows)]
        except StopIteration:
            break
    return [number for each in found for number in each["sequence"].tolist()]


def source(path, batch_rows):
    return DbnFileSource(
        [DbnFileConfig(feed="f", paths=(str(path),), batch_rows=batch_rows, roots=RootsConfig())]
    )


def test_it_goes_on_where_its_state_says_and_tells_where_it_ended(tmp_path):
    path = tmp_path / "a.dbn"
    path.write_bytes(header() + mbo(30).tobytes())
    first = Beginning(source(path, 10), None)
    assert first.list_parts() == ["f"]
    assert first.state() is None
    part = first.build_part("feed", "f", None)
    begun = [item.rows for _, item in part.next_batch() if isinstance(item, MboRows)]
    assert sum(each.size for each in begun) == 10
    state = first.state()
    part.close()
    second = Beginning(source(path, 10), state)
    assert second.state() is state
    part = second.build_part("feed", "f", None)
    assert len(rows(part)) == 20
    part.close()
    assert second.state()["counts"][0] == 30
