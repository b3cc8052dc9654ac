"""Frames are one line of JSON each, whatever the text."""

import json

from hypothesis import given

from app.wire.frames import PING, around, data, encode, encode_text
from tests.app.dialects import ANY_TEXT, payloads


@given(ANY_TEXT)
def test_any_text_survives_its_way_through_a_frame(text: str) -> None:
    assert json.loads(encode_text(text)) == text
    assert json.loads(encode({"text": text})) == {"text": text}
    assert payloads([data({"text": text})]) == [{"text": text}]


@given(ANY_TEXT)
def test_a_frame_around_a_token_equals_one_written_whole(text: str) -> None:
    before, after = around({"a": 1, "delta": "\ue000hole", "b": [2]}, "\ue000hole")
    assert payloads([before + encode_text(text) + after]) == [{"a": 1, "delta": text, "b": [2]}]


def test_a_ping_ends_no_event() -> None:
    assert PING.startswith(b":")
    assert PING.count(b"\n") == 1
