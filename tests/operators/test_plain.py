import pickle
import pickletools
from dataclasses import replace

from operators.model.items import Observation
from operators.plain import pack_observation, pack_signal, unpack_observation, unpack_signal
from tests.sinks.messages import EVIDENCE, SIGNAL

OBSERVATION = Observation(
    row=3, key=7, mid_e9=4_810_125_000_000, warm=True, sessions=20, evidence=EVIDENCE
)


def classes_in(packed) -> set[str]:
    """Names of classes that a pickle of `packed` would need."""
    return {
        str(argument)
        for opcode, argument, _ in pickletools.genops(pickle.dumps(packed))
        if "GLOBAL" in opcode.name
    }


def test_a_signal_comes_back_from_plain_data():
    packed = pack_signal(SIGNAL)
    assert unpack_signal(pickle.loads(pickle.dumps(packed))) == SIGNAL
    assert not classes_in(packed)


def test_an_observation_comes_back_but_for_its_row():
    packed = pack_observation(OBSERVATION)
    assert unpack_observation(packed) == replace(OBSERVATION, row=0)
    assert not classes_in(packed)


def test_the_check_for_classes_sees_one():
    assert classes_in(SIGNAL)
