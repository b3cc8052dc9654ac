"""Whoever changes the log is found out, and the line is named: a byte changed, a line removed or moved, an end cut off."""

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.audit.heads import ANCHOR, HEADS, Signer
from app.audit.journal import entries_of
from app.audit.log import Log, Segment, segments_of
from app.audit.verify import Verified, verify
from vectorstore.errors import BadInput, NotFound

TAMPERINGS = 1_000


@dataclass(frozen=True)
class Kept:
    """A log of several files in a folder, and the heads that somebody kept elsewhere."""

    folder: Path
    head: Path


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("data")
    head = folder / "elsewhere.txt"
    signer = Signer(folder / "audit", elsewhere=str(head))
    log = Log(folder / "audit", on_seal=signer.head, most_bytes=2_500)
    for number in range(40):
        log.append({"what": "request", "route": "POST /v1/search", "status": 200, "who": f"p_{number:024d}"})
    signer.due(log, minutes=0)
    assert len(segments_of(folder / "audit")) >= 3
    assert verify(folder / "audit", head=head).sound
    return Kept(folder / "audit", head)


def lines_of(segment: Segment) -> list[bytes]:
    return segment.path.read_bytes().splitlines(keepends=True)


Tampering = Callable[[random.Random, list[Segment]], tuple[str, set[int]]]
"""Changes one file and says which, and on which of its lines a finding may stand (counted from 1; 0: the file)."""


def change_a_byte(chance: random.Random, segments: list[Segment]) -> tuple[str, set[int]]:
    segment = chance.choice(segments)
    data = bytearray(segment.path.read_bytes())
    place = chance.randrange(len(data))
    data[place] ^= chance.randrange(1, 256)
    segment.path.write_bytes(data)
    line = bytes(data[:place]).count(b"\n") + 1
    return segment.path.name, {line}


def remove_a_line(chance: random.Random, segments: list[Segment]) -> tuple[str, set[int]]:
    segment = chance.choice(segments)
    lines = lines_of(segment)
    place = chance.randrange(len(lines) - (segment is segments[-1]))
    segment.path.write_bytes(b"".join(lines[:place] + lines[place + 1 :]))
    return segment.path.name, {place, place + 1}


def move_a_line(chance: random.Random, segments: list[Segment]) -> tuple[str, set[int]]:
    segment = chance.choice([each for each in segments if len(lines_of(each)) > 2])
    lines = lines_of(segment)
    here, there = chance.sample(range(len(lines)), 2)
    lines.insert(there, lines.pop(here))
    segment.path.write_bytes(b"".join(lines))
    return segment.path.name, set(range(min(here, there), max(here, there) + 3))


def write_a_line_twice(chance: random.Random, segments: list[Segment]) -> tuple[str, set[int]]:
    segment = chance.choice(segments)
    lines = lines_of(segment)
    place = chance.randrange(len(lines))
    lines.insert(place, lines[place])
    segment.path.write_bytes(b"".join(lines))
    return segment.path.name, {place + 2}


def cut_the_end(chance: random.Random, segments: list[Segment]) -> tuple[str, set[int]]:
    data = segments[-1].path.read_bytes()
    segments[-1].path.write_bytes(data[: chance.randrange(len(data))])
    return "", set()


def cut_whole_lines(chance: random.Random, segments: list[Segment]) -> tuple[str, set[int]]:
    lines = lines_of(segments[-1])
    segments[-1].path.write_bytes(b"".join(lines[: chance.randrange(len(lines))]))
    return "", set()


def remove_a_file(chance: random.Random, segments: list[Segment]) -> tuple[str, set[int]]:
    chance.choice(segments).path.unlink()
    return "", set()


TAMPER: tuple[Tampering, ...] = (
    change_a_byte, remove_a_line, move_a_line, write_a_line_twice, cut_the_end, cut_whole_lines, remove_a_file,
)  # fmt: skip


def names(found: Verified, file: str, lines: set[int]) -> bool:
    return (
        any(each.file == file and each.line in lines for each in found.findings) if file else not found.sound
    )


@pytest.mark.parametrize("way", TAMPER)
def test_what_was_tampered_with_is_named(way: Tampering, kept: Kept, tmp_path: Path) -> None:
    """RELIABILITY P5: 1,000 in all, with the head that is kept elsewhere."""
    unnamed = []
    for seed in range(-(-TAMPERINGS // len(TAMPER))):
        folder = tmp_path / "audit"
        shutil.copytree(kept.folder, folder)
        (folder / HEADS).unlink()  # whoever cuts the log would cut these too
        file, lines = way(random.Random(seed), segments_of(folder))
        found = verify(folder, head=kept.head)
        if not names(found, file, lines):
            unnamed.append((seed, file, lines, [str(each) for each in found.findings]))
        shutil.rmtree(folder)
    assert unnamed == []


def test_without_a_head_that_is_kept_elsewhere_those_in_the_folder_find_a_cut_end(
    kept: Kept, tmp_path: Path
) -> None:
    folder = shutil.copytree(kept.folder, tmp_path / "audit")
    last = segments_of(folder)[-1]
    last.path.write_bytes(b"".join(lines_of(last)[:-2]))
    assert "2 are missing" not in str(verify(folder).findings)
    assert [each.file for each in verify(folder).findings] == [HEADS]
    assert "its end was cut off" in verify(folder).findings[0].sentence
    (folder / HEADS).unlink()
    assert verify(folder).sound, "nothing else could know: that is why heads are kept elsewhere"


def test_a_log_written_anew_is_another_than_the_head_says(kept: Kept, tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    signer = Signer(folder)
    log = Log(folder, on_seal=signer.head)
    for entry in entries_of(kept.folder):
        log.append({name: value for name, value in entry.facts.items() if name not in {"n", "at"}})
    signer.due(log, minutes=0)
    assert verify(folder).sound
    found = verify(folder, head=kept.head)
    assert any("the log was written anew" in each.sentence for each in found.findings)
    assert any("signed with another key" in each.sentence for each in found.findings)


@pytest.mark.parametrize("name", [HEADS, ANCHOR])
def test_a_head_that_was_changed_is_named(name: str, kept: Kept, tmp_path: Path) -> None:
    folder = shutil.copytree(kept.folder, tmp_path / "audit")
    path = folder / HEADS
    line = path.read_bytes().splitlines(keepends=True)[0]
    (folder / name).write_bytes(line.replace(b'"n":', b'"n":1'))
    assert verify(folder, head=kept.head).findings[0].file == name


def test_a_head_of_a_clock_that_was_ahead_does_not_keep_the_next_from_being_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, signer = Log(tmp_path), Signer(tmp_path)
    log.append({"what": "request"})
    with monkeypatch.context() as ahead:
        ahead.setattr("app.audit.heads.time.time", lambda: time.time_ns() / 1e9 + 900 * 86_400)
        assert signer.due(log, minutes=60)
    log.append({"what": "request"})
    assert signer.due(log, minutes=60)
    log.append({"what": "request"})
    assert not signer.due(log, minutes=60)


def test_a_head_is_no_anchor(kept: Kept, tmp_path: Path) -> None:
    """Else whoever has a head of the middle could drop what came before."""
    folder = shutil.copytree(kept.folder, tmp_path / "audit")
    first, second, *_ = segments_of(folder)
    first.path.unlink()
    shutil.copyfile(kept.head, folder / ANCHOR)
    sentences = [each.sentence for each in verify(folder).findings]
    assert "This anchor is not as it was signed." in sentences
    assert f"Entries 1 to {second.first - 1} are missing before this line." in sentences


def test_a_public_key_that_is_given_is_demanded(kept: Kept) -> None:
    assert verify(kept.folder, key=Signer(kept.folder).public).sound
    assert not verify(kept.folder, key="00" * 32).sound


def test_where_there_is_nothing_to_verify_a_sentence_says_so(kept: Kept, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no audit log"):
        verify(tmp_path / "audit")
    (tmp_path / "empty").write_text("")
    with pytest.raises(BadInput, match="no signed head"):
        verify(kept.folder, head=tmp_path / "empty")
