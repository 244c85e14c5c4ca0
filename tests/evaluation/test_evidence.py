from evaluation.evidence import EvidenceCollector
from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.model.items import Tick
from tests.evaluations import FEED, evaluations, execution, ns


def test_evidence_is_kept_with_its_point():
    rows = [execution(5, 1, 90, levels=5), execution(8, -1, 90, levels=5)]
    collector = EvidenceCollector()
    for item in Detect(DetectConfig()).on_items([Tick(FEED, ns(1)), evaluations(rows)]):
        collector.on_item(item)
    assert collector.seen
    for one in collector.seen:
        assert one.root == "ES"
        assert one.ts == one.observation.evidence.ts_last
    assert [one.ts for one in collector.seen] == sorted(one.ts for one in collector.seen)
