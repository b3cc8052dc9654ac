"""Who stands behind a pseudonym, for as long as anybody may know."""

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.pseudonyms import FolderPseudonyms as Pseudonyms


def test_a_person_has_one_pseudonym_in_all_processes(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        made = set(threads.map(lambda _: Pseudonyms(tmp_path).of("u_1", "ann"), range(64)))
    assert len(made) == 1
    assert Pseudonyms(tmp_path).names().get(made.pop(), "") == "ann"
    assert Pseudonyms(tmp_path).of("u_2", "bob") != Pseudonyms(tmp_path).of("u_1")


def test_a_forgotten_person_is_named_nowhere_and_comes_back_as_another(tmp_path: Path) -> None:
    people = Pseudonyms(tmp_path)
    before = people.of("u_1", "ann.smith")
    hashed = people.keep("u_1", {"question": "How long is my leave?"})
    assert people.contents() == {hashed: {"question": "How long is my leave?"}}
    assert people.forget("u_1")
    assert not people.forget("u_1")
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"ann.smith" not in left
    assert b"leave" not in left
    assert people.names().get(before, "") == ""
    assert people.known("u_1") == ""
    assert people.of("u_1", "ann.smith") != before


def test_forgetting_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    people = Pseudonyms(tmp_path)
    people.of("u_1", "ann")
    people.keep("u_1", {"question": "?"})
    next(tmp_path.rglob("contents-*")).unlink()
    next(tmp_path.rglob("key.json")).unlink()
    assert people.known("u_1") == ""
    assert people.forget("u_1")
    assert not people.forget("u_1")


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    people = Pseudonyms(tmp_path)
    people.of("u_1", "ann")
    people.keep("u_1", {"question": "?"})
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_contents_that_were_changed_are_not_shown(tmp_path: Path) -> None:
    people = Pseudonyms(tmp_path)
    people.keep("u_1", {"question": "What is my salary?"})
    path = next(tmp_path.rglob("contents-*"))
    path.write_bytes(path.read_bytes().replace(b"salary", b"bonus!"))
    assert people.contents() == {}


def test_what_is_too_old_is_dropped_with_the_people_not_met_since(tmp_path: Path) -> None:
    people = Pseudonyms(tmp_path)
    for person in ("u_old", "u_new"):
        people.of(person, person)
        people.keep(person, {"question": person})
    long_ago = time.time() - 40 * 86_400
    for path in people._place("u_old").iterdir():
        os.utime(path, (long_ago, long_ago))
    people.sweep(30)
    assert set(people.names().values()) == {"u_new"}
    assert [each["question"] for each in people.contents().values()] == ["u_new"]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5, unique_by=lambda p: p[0]))
def test_any_name_comes_back(people: list[tuple[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        known = Pseudonyms(Path(folder))
        made = {known.of(person, name): name or person for person, name in people}
        assert known.names() == made
        assert len(made) == len(people)
