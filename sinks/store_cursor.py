"""Cursors: where a page ended, as a word that the next question gives back.

A cursor holds the place itself, so it stays valid when the store restarts and on every replica. It
is no secret; its check refuses what was changed, cut or meant for another question, and whatever it
holds reaches the database as bound values only.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import Any, Final

from sinks.filters import FilterError

Cursor = str
"""Letters, digits, `-` and `_`."""
CHARS_MAX: Final = 1_024
_CHECK_BYTES: Final = 9
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A row in the order of pages, and how far the store went when the first was asked for."""

    ts_event: int
    root: str
    generation: str
    seq: int
    bound: int
    """Newest row by arrival that belongs to these pages."""


Question = Mapping[str, Any]
"""What was asked, in JSON's words: a cursor belongs to one question."""


def cursor_of(place: Place, question: Question) -> Cursor:
    """The word for a place."""
    body = json.dumps([_VERSION, *astuple(place)], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(body, question) + body).decode().rstrip("=")


def place_of(cursor: Cursor, question: Question) -> Place:
    """The place a cursor stands for.

    Raises:
        FilterError: It is none of ours, was changed, or belongs to another question.
    """
    try:
        if len(cursor) > CHARS_MAX:
            raise ValueError
        packed = base64.b64decode(cursor.encode("ascii") + b"==", altchars=b"-_", validate=False)
        if base64.urlsafe_b64encode(packed).decode().rstrip("=") != cursor.rstrip("="):
            raise ValueError
        check, body = packed[:_CHECK_BYTES], packed[_CHECK_BYTES:]
        if check != _check(body, question):
            raise ValueError
        version, *values = json.loads(body)
        if version != _VERSION:
            raise ValueError
        return _typed(values)
    except (ValueError, TypeError, UnicodeError, binascii.Error, RecursionError):
        raise FilterError(
            "cursor", "expected one that a page of the same filter gave, found another"
        ) from None


def _typed(values: Sequence[Any]) -> Place:
    ts_event, root, generation, seq, bound = values
    numbers = (ts_event, seq, bound)
    if any(type(name) is not str for name in (root, generation)) or any(
        type(number) is not int or not -(2**63) <= number < 2**63 for number in numbers
    ):
        raise ValueError
    return Place(ts_event, root, generation, seq, bound)


def _check(body: bytes, question: Question) -> bytes:
    asked = json.dumps(question, sort_keys=True, separators=(",", ":")).encode()
    person = b"ifd cursor"
    return blake2b(body + b"\0" + asked, digest_size=_CHECK_BYTES, person=person).digest()
