"""What the detectors' tests share: evidence of one detector, whatever the others see."""

from operators.detect import Detect
from operators.detect_config import DetectConfig
from tests.evaluations import evaluations, found_in


def evidence(name, rows, config=None):
    """Evidence of detector `name` in `rows`."""
    operator = Detect(DetectConfig() if config is None else DetectConfig(**{name: config}))
    return [e for e in found_in(operator.on_items([evaluations(rows)])) if e.detector == name]
