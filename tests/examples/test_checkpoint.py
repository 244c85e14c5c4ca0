import pytest

from examples.checkpoint import Checkpoint, load, save
from examples.errors import ConsumerError

WHOLE = Checkpoint(
    cluster="c1",
    from_beginning=False,
    offsets={"ifd.signals.v1/0": 7},
    sequences=(("signals", "ES", "g1", 1, 3),),
)


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "checkpoint.json"
    assert load(path) is None
    save(path, Checkpoint())
    save(path, WHOLE)
    assert load(path) == WHOLE
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"version": 9}', '{"version": 1, "sequences": [[1]]}']
)
def test_something_else_is_refused_with_what_to_do(tmp_path, text):
    path = tmp_path / "checkpoint.json"
    path.write_text(text)
    with pytest.raises(ConsumerError, match=r"checkpoint\.json: expected .* --from-beginning"):
        load(path)


def test_a_folder_that_is_gone_is_one_line(tmp_path):
    with pytest.raises(ConsumerError, match=r"checkpoint\.json: No such file"):
        save(tmp_path / "gone" / "checkpoint.json", WHOLE)
