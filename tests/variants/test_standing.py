"""Who gets which variant: the same always and everywhere, as many as the share says, and nobody moves without need."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.commands.doctor import _language_model
from app.identity.grant import person_id
from app.settings import AnswerSettings, ModelSettings, Settings
from app.variants.definition import Changes, changes_of
from app.variants.standing import (
    MOST,
    PLACES,
    Standing,
    cell_of,
    change_share,
    in_force,
    place_of,
    promote,
    rollback,
    standing,
    start,
    stop,
    unit_of,
)
from eval.commands.configuration import Configuration, in_process
from tests.state import state  # noqa: F401 - a fixture
from vectorstore.errors import BadInput, NotFound, StoreDamaged
from vectorstore.settings import StoreSettings
from vectorstore.state.cell import State
from vectorstore.state.files import FileCell

USERS = [person_id("default", f"user{n}") for n in range(800)]
BIG = changes_of(["FOOTNOTE_TOP_K=30"])


def chosen(now: Standing) -> dict[str, str]:
    found = {user: now.chosen(user, "") for user in USERS}
    return {user: each.name if each else "" for user, each in found.items()}


@settings(max_examples=15, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]), st.integers(1, 60).map(lambda each: each / 100), st.booleans()
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_user_stays_with_a_variant_and_no_more_move_than_a_change_of_share_needs(
    steps: list[tuple[str, float, bool]],
) -> None:
    with TemporaryDirectory() as folder:
        cell = FileCell(Path(folder) / "variants.json")
        for name, share, ends in steps:
            now = standing(cell)
            before, ring = chosen(now), now.ring
            running = {one.name: one.share for one in now.running}
            if name in running and ends:
                stop(cell, name)
            elif sum(running.values()) - running.get(name, 0) + share > 0.9:
                continue
            elif name in running:
                change_share(cell, name, share)
            else:
                start(cell, name, BIG, share=share, shadow=False)
            now = standing(cell)
            after = chosen(now)
            assert after == chosen(standing(FileCell(Path(folder) / "variants.json")))  # any other replica
            held = sorted(
                place for one in now.running for first, last in one.places for place in (first, last)
            )
            assert len(held) % 2 == 0
            for one in now.running:
                assert sum(last - first for first, last in one.places) == round(one.share * PLACES)
                assert sum(each == one.name for each in after.values()) == pytest.approx(
                    one.share * len(USERS), abs=4 * (len(USERS) * 0.25) ** 0.5
                )
            if now.ring == ring:
                # Whoever moves goes to the variant that grew, or leaves the one that shrank: never between others.
                moved = {user for user in USERS if before[user] != after[user]}
                assert {name} >= {each for user in moved for each in (before[user], after[user]) if each}


def test_a_place_depends_on_the_ring_and_on_nothing_else() -> None:
    assert place_of("big-1", USERS[0]) == place_of("big-1", USERS[0]) == 9_858
    assert place_of("big-1", USERS[0]) != place_of("big-2", USERS[0])
    assert unit_of(USERS[0], "conv") == USERS[0]
    assert unit_of("v_0123", "conv") == "v_0123"  # a page's visitor
    assert unit_of("local", "conv") == unit_of("a1b2c3d4", "conv") == "conv"


def test_the_next_ring_meets_other_people(tmp_path: Path) -> None:
    cell = FileCell(tmp_path / "variants.json")
    start(cell, "a", BIG, share=0.2, shadow=False)
    first = {user for user, name in chosen(standing(cell)).items() if name}
    stop(cell, "a")
    start(cell, "a", BIG, share=0.2, shadow=False)
    again = {user for user, name in chosen(standing(cell)).items() if name}
    assert len(first & again) < 0.3 * len(first)


def test_it_is_the_same_in_a_folder_and_in_a_database(state: State) -> None:  # noqa: F811
    cell = cell_of(state)
    assert standing(cell) == Standing()
    start(cell, "big", BIG, share=0.2, shadow=False)
    promote(cell, "big", generation=None)
    start(cell, "other", changes_of(["passages=3"]), share=0.5, shadow=False)
    now = standing(cell_of(state))
    assert now.changes().values == {"top_k": "30"}
    assert now.changes(now.find("other")).values == {"top_k": "30", "passages": "3"}
    gone, stopped, left = rollback(cell)
    assert (gone.name, stopped, left.promoted, left.running) == ("big", ["other"], [], [])


def refused(kind: type[Exception], sentence: str, call: object, *arguments: object, **more: object) -> None:
    with pytest.raises(kind) as caught:
        call(*arguments, **more)  # type: ignore[operator]
    assert sentence in str(caught.value)


def test_what_does_not_fit_is_refused_in_one_sentence(tmp_path: Path) -> None:
    cell = FileCell(tmp_path / "variants.json")
    plain = {"share": 0.1, "shadow": False}
    refused(BadInput, "cannot be the name", start, cell, "../x", BIG, **plain)
    refused(BadInput, "cannot be the name", start, cell, "base", BIG, **plain)
    refused(BadInput, "changes nothing", start, cell, "a", Changes(), **plain)
    for share, said in (
        (0.0, "is no share"),
        (1.5, "is no share"),
        (0.95, "too much"),
        (1e-9, "less than one in"),
    ):
        refused(BadInput, said, start, cell, "a", BIG, share=share, shadow=False)
    refused(NotFound, "No variant 'a' runs", stop, cell, "a")
    refused(NotFound, "Nothing is promoted", rollback, cell)
    for number in range(MOST):
        start(cell, f"v{number}", BIG, share=0.1, shadow=number == 3)
    refused(BadInput, "runs already", start, cell, "v0", BIG, **plain)
    refused(BadInput, "4 variants run already", start, cell, "v9", BIG, **plain)
    refused(BadInput, "too much", change_share, cell, "v0", 0.75)
    refused(BadInput, "nobody has seen", promote, cell, "v3")
    refused(BadInput, "is compared with what promoting", promote, cell, "v0")
    stop(cell, "v0")
    refused(NotFound, "was stopped already", stop, cell, "v0")


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("FOOTNOTE_HOST=0.0.0.0", "is not for a variant"),
        ("FOOTNOTE_STORE=postgresql://x", "is not for a variant"),
        ("FOOTNOTE_OIDC_ISSUER=x", "is not"),
        ("max_question_chars=1", "is not for a variant"),
        ("FOOTNOTE_TOPK=3", "Did you mean FOOTNOTE_TOP_K?"),
        ("FOOTNOTE_LLM_API_KEY=sk-abc", "Keys are not kept"),
        ("FOOTNOTE_LLM_API_KEY=env:HOME", "Keys are not kept"),
        ("FOOTNOTE_TOP_K", "is not NAME=VALUE"),
        ("FOOTNOTE_LLM_BASE_URL=https://me:secret@host/v1", "Passwords are not kept"),
    ],
)
def test_only_settings_of_answering_are_changed(pair: str, said: str) -> None:
    refused(BadInput, said, changes_of, [pair])


def test_a_key_goes_to_no_other_server_than_it_was_set_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_LLM_API_KEY", "ours")
    monkeypatch.setenv("FOOTNOTE_LLM_MODEL", "small")
    monkeypatch.setenv("FOOTNOTE_VARIANT_KEY_B", "theirs")

    def key(*pairs: str) -> str:
        return changes_of(pairs).applied(Settings()).model.llm_api_key.get_secret_value()

    assert key("llm_model=large") == "ours"
    assert key("llm_base_url=http://127.0.0.1:1/v1") == ""
    assert key("llm_model=mistralai:large") == ""
    assert key("llm_base_url=http://127.0.0.1:1/v1", "llm_model=large:8b") == ""
    named = "llm_api_key=env:FOOTNOTE_VARIANT_KEY_B"
    assert key("llm_base_url=http://127.0.0.1:1/v1", named) == "theirs"
    assert "theirs" not in changes_of([named]).model_dump_json()
    monkeypatch.delenv("FOOTNOTE_VARIANT_KEY_B")
    refused(BadInput, "is not set here", key, named)


def test_a_key_of_what_is_promoted_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_LLM_API_KEY", "ours")
    monkeypatch.setenv("FOOTNOTE_LLM_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("FOOTNOTE_LLM_MODEL", "small")
    monkeypatch.setenv("FOOTNOTE_VARIANT_KEY_B", "theirs")
    promoted = changes_of(["llm_base_url=http://127.0.0.1:2/v1", "llm_api_key=env:FOOTNOTE_VARIANT_KEY_B"])

    def key(*pairs: str) -> str:
        return changes_of(pairs).over(promoted).applied(Settings()).model.llm_api_key.get_secret_value()

    assert key("llm_model=large") == key("llm_model=large:8b") == "theirs"
    assert key("llm_base_url=http://127.0.0.1:3/v1") == ""
    assert key("llm_base_url=http://127.0.0.1:1/v1", "llm_model=large:8b") == "ours"

    # Nor where a flag of a command names another.
    def key_beside(**flags: str) -> str:
        flagged = Settings(model=ModelSettings(**flags))
        return (
            promoted.without(frozenset(flags), flagged).applied(flagged).model.llm_api_key.get_secret_value()
        )

    assert key_beside(llm_model="large") == "theirs"
    assert key_beside(llm_base_url="http://127.0.0.1:3/v1") == "ours"


def test_what_is_promoted_is_what_doctor_and_evaluations_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "none set" in _language_model().says
    cell = FileCell(tmp_path / "data" / "variants.json")
    start(cell, "own", changes_of(["answerer=extractive", "top_k=3", "passages=2"]), share=0.2, shadow=False)
    promote(cell, "own")
    assert _language_model().says == "answers are written by extractive."
    parts: Any = None
    asked = in_process(parts, Configuration(), in_force(Settings()))
    assert (asked.top_k, asked.settings["passages"]) == (3, "2")
    assert in_force(Settings(answer=AnswerSettings(top_k=9)), given=frozenset({"top_k"})).answer.top_k == 9


def test_a_prompt_is_kept_whole_and_given_to_every_replica(tmp_path: Path) -> None:
    own = tmp_path / "own.md"
    own.write_text("---\nversion: 7\n---\nBe kind. Passages stand between ${delimiter}.\n", encoding="utf-8")
    changes = changes_of([], own)
    own.unlink()
    settings = Settings(store=StoreSettings(data_dir=tmp_path / "replica", cache_dir=tmp_path / "cache"))
    file = Path(changes.applied(settings).model.prompt_file)
    assert file.is_relative_to(tmp_path / "cache")
    assert "Be kind." in file.read_text()
    file.write_text("tampered")
    assert "Be kind." in Path(changes.applied(settings).model.prompt_file).read_text()
    for text, said in (("no front matter", "front matter"), ("---\nversion: 1\n---\nNo fence.", "delimiter")):
        own.write_text(text, encoding="utf-8")
        refused(BadInput, said, changes_of, [], own)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.update(version=2),
        lambda told: told.update(more=1),
        lambda told: told["running"][0].update(share=2),
        lambda told: told["running"][0]["changes"]["values"].update(host="0.0.0.0"),
        lambda told: told["running"][0]["changes"]["values"].update(llm_api_key="env:HOME"),
        lambda told: told["running"].append(told["running"][0]),
        lambda told: told["running"][0].update(places=[[0, 20_000]]),
    ],
)
def test_what_was_not_written_by_this_release_is_not_read(tmp_path: Path, spoil: object) -> None:
    cell = FileCell(tmp_path / "variants.json")
    start(cell, "big", BIG, share=0.2, shadow=False)
    told = json.loads(cell.path.read_text())
    spoil(told)  # type: ignore[operator]
    cell.path.write_text(json.dumps(told))
    refused(StoreDamaged, "cannot be read", standing, cell)
