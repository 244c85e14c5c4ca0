import pytest

from sinks.bars_files import Span, closed_spans, open_spans, span_of
from tests.sinks.bars import START


@pytest.mark.parametrize("root", ["ES", "UD:1V: GN", "a/b", "..", "root=x", "É", "A%2FB"])
@pytest.mark.parametrize("generation", ["0123456789abcdef", "a-b/c"])
def test_a_span_is_found_again_by_its_files(tmp_path, root, generation):
    span = span_of(START + 299_999_999_999, root, generation, 300)
    for file, found in ((span.closed(tmp_path), closed_spans), (span.open(tmp_path), open_spans)):
        assert list(found(tmp_path)) == []
        assert file.resolve().is_relative_to(tmp_path)
        file.parent.mkdir(parents=True)
        file.touch()
        assert list(found(tmp_path)) == [span]


def test_names_say_date_root_and_time(tmp_path):
    span = span_of(START + 300_000_000_000, "ES", "g1", 300)
    assert span == Span(START // 10**9 + 300, "ES", "g1")
    name = span.closed(tmp_path).relative_to(tmp_path)
    assert str(name) == "date=2024-03-13/root=ES/140500-g1.parquet"


def test_files_of_other_names_are_passed_over(tmp_path):
    for name in ("date=x/root=ES/140500-g1.parquet", "date=2024-03-13/root=ES/1405-g1.parquet"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert list(closed_spans(tmp_path)) == []
