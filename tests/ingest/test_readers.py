"""Who may read a document is never opened by a slip, nor by the document itself."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.extract import Unparsable
from ingest.parse.access import readers_of, states_readers
from ingest.parse.characters import clean, decode
from ingest.parse.front_matter import split_front_matter
from ingest.sources.rules import Readers, Rule, decide
from ingest.sources.shared import Flags
from tests.ingest import slips
from tests.ingest.test_pipeline import RECIPE, Desk, desk, pool
from vectorstore.types import NOBODY, Scope

__all__ = ["desk", "pool"]  # fixtures

SALES = Scope(groups=frozenset({"sales"}))


def seen(desk: Desk, scope: Scope = SALES) -> list[str]:
    """Return what a caller finds who asks for it all, and what the list shows them."""
    question = "What does the managing director earn a year?"
    with desk.store.snapshot() as snapshot:
        vector = desk.embedder.embed_query(question)
        hits = snapshot.search(question, vector, scope=scope, limit=50)
        return sorted(
            {hit.document.uri for hit in hits} | {each.uri for each in snapshot.documents(scope=scope)}
        )


def content(uri: str, files: slips.Files) -> str:
    return f"{uri}: " + " / ".join(f"{name}: {data[:90]!r}" for name, data in files.items())


def opened(desk: Desk, tried: Sequence[slips.Files]) -> list[str]:
    """Ingest each slip in a folder of its own; return those that another group can read."""
    for number, files in enumerate(tried):
        slips.write(desk.docs / str(number), files)
    desk.ingest()
    return [content(uri, tried[int(uri.split("/")[1])]) for uri in seen(desk)]


def opened_later(desk: Desk, tried: Sequence[slips.Files]) -> list[str]:
    """Ingest documents that are right, then with a slip, then pruned; return those that were opened or lost."""
    right = [
        next(one for one in slips.RIGHT if one.keys() & files.keys() or len(one) == len(files))
        for files in tried
    ]
    for number, files in enumerate(right):
        slips.write(desk.docs / str(number), files)
    assert len(desk.ingest().added) == len(tried)
    for number, files in enumerate(tried):
        slips.write(desk.docs / str(number), {**files})
    lost: list[str] = []
    for prune in (False, True):
        desk.ingest(prune=prune)
        lost += [content(uri, tried[int(uri.split("/")[1])]) for uri in seen(desk)]
    return lost


def test_slips_that_people_make_open_nothing(desk: Desk) -> None:
    tried = list(slips.written())
    assert len(tried) > 200
    assert opened(desk, tried) == []


def test_slips_of_the_hand_open_nothing(desk: Desk) -> None:
    assert opened(desk, [slips.drawn(seed) for seed in range(200)]) == []


def test_slips_in_documents_that_are_in_the_index_open_nothing(desk: Desk) -> None:
    assert opened_later(desk, [*slips.written(), *map(slips.drawn, range(200, 260))]) == []


@pytest.mark.slow
def test_five_thousand_slips_of_the_hand_open_nothing(desk: Desk) -> None:
    assert opened(desk, [slips.drawn(seed) for seed in range(1_000, 6_000)]) == []


@pytest.mark.parametrize("right", slips.RIGHT, ids=str)
def test_without_a_slip_the_board_reads_it(desk: Desk, right: slips.Files) -> None:
    slips.write(desk.docs, right)
    assert len(desk.ingest().added) == 1
    assert seen(desk) == []
    assert len(seen(desk, Scope(groups=frozenset({"board"})))) == 1


@pytest.mark.parametrize("case", ["acl-front", "acl-sequence"])
def test_published_slips_open_nothing(desk: Desk, shared_data: Path, case: str) -> None:
    docs = shared_data.parent / "cases" / case / "docs"
    if not docs.is_dir():
        pytest.skip("needs the cases beside the data sets")
    shutil.copytree(docs, desk.docs, dirs_exist_ok=True)
    report = desk.ingest()
    assert seen(desk) == []
    assert {failure.reason for failure in report.failed} == {"metadata"}
    assert len(report.failed) >= 4


def test_front_matter_that_cannot_be_read_keeps_the_document_as_it_was(desk: Desk) -> None:
    desk.write(pay_md=f"---\nreaders: [board]\n---\n# Pay\n\n{slips.SECRET}")
    desk.ingest()
    desk.write(pay_md=f"---\ntitle: Salaries: 2025\nreaders: [board]\n---\n# Pay\n\nNew. {slips.SECRET}")
    for _ in range(2):
        [failure] = desk.ingest(prune=True).failed
        assert (failure.uri, failure.reason) == ("docs/pay.md", "metadata")
        assert "front matter" in failure.message
    assert desk.documents()["docs/pay.md"].readers == {"board"}
    assert "New" not in desk.text("docs/pay.md")


@pytest.mark.parametrize(
    "text",
    [
        "---\n\n# Break\n\nText after a thematic break.",
        "---\nText between two breaks.\n---\n\nMore.",
        "---\n\nA note: with: colons.\n\n---\n\nMore.",
        "***\n\nText\n\n***",
        "---\ntitle: Heads: up\n---\n\nA broken front matter that names nobody.",
        "---\nheader: no\nsort_rank: 5\ncreated: 2024-01-01\n---\n\nText.",
        "---\naccess: public\n---\n\nText.",
        "# Access\n\nReaders will find here how groups: and permissions: are written.",
        "Text.\n\n```yaml\n---\nreaders: [hr]\n---\n```\n\nMore.",
        "- Readers: all who can\n- Writers: the others\n",
    ],
)
def test_ordinary_markdown_goes_in(desk: Desk, text: str) -> None:
    desk.write(a_md=text)
    assert desk.ingest().added == ["docs/a.md"]
    assert seen(desk) == ["docs/a.md"]


def test_ordinary_handbooks_and_manuals_lose_nothing(shared_data: Path) -> None:
    own = Path(__file__).parents[2] / "docs"
    files = [
        *(shared_data / "corpora").rglob("*.md"),
        *(shared_data / "corpora").rglob("*.rst"),
        *own.rglob("*.md"),
    ]
    assert len(files) > 2_000
    for file in files:
        split_front_matter(clean(decode(file.read_bytes()).text)[0])


def test_what_was_closed_stays_closed_when_nothing_says_so_any_more(desk: Desk) -> None:
    slips.write(desk.docs / "side", slips.beside("readers: [board]"))
    slips.write(desk.docs / "front", slips.front("readers: [board]"))
    (desk.docs / "hr").mkdir()
    (desk.docs / "hr/pay.md").write_text(slips.BODY)
    ruled = replace(RECIPE, rules=(Rule(path="hr/", readers=("board",)),))
    desk.ingest(recipe=ruled)
    (desk.docs / "side/posts.txt.meta.yaml").unlink()
    (desk.docs / "front/posts.md").write_text(slips.BODY)
    report = desk.ingest(prune=True)
    assert sorted(report.updated) == ["docs/front/posts.md", "docs/hr/pay.md", "docs/side/posts.txt"]
    assert seen(desk) == []
    assert [
        ("keeps its readers (board)" in each.message, each.urgent) for each in report.findings if each.urgent
    ] == [(True, True)] * 3
    # Moved and rewritten, it is still so; front matter does not undo what the operator had said.
    (desk.docs / "side/posts.txt").rename(desk.docs / "moved.txt")
    (desk.docs / "hr/pay.md").write_text(f"---\nreaders: []\n---\n{slips.BODY}")
    desk.ingest(prune=True)
    assert "docs/moved.txt" in desk.documents()
    assert seen(desk) == []
    # Said in so many words, by whom it is for to say, it is opened.
    (desk.docs / "front/posts.md").write_text(f"---\nreaders: []\n---\n{slips.BODY}")
    desk.ledger.flags["docs/moved.txt"] = Flags(frozenset())
    desk.ingest()
    assert seen(desk) == ["docs/front/posts.md", "docs/moved.txt"]


def test_front_matter_narrows_the_rules_and_never_widens_them(desk: Desk) -> None:
    for name, line in {"more": "[sales]", "all": "[]", "both": "[board, sales]", "less": "[chair]"}.items():
        desk.write(**{f"{name}_md": f"---\nreaders: {line}\n---\n{slips.BODY}"})
    rules = (Rule(path="*.md", readers=("board", "chair")),)
    report = desk.ingest(recipe=replace(RECIPE, rules=rules))
    assert {uri: set(each.readers) for uri, each in desk.documents().items()} == {
        "docs/all.md": {"board", "chair"},
        "docs/both.md": {"board"},
        "docs/less.md": {"chair"},
        "docs/more.md": set(NOBODY),
    }
    [finding] = [each for each in report.findings if each.urgent]
    assert finding.uri == "docs/more.md"
    assert "Nobody may read it" in finding.message
    desk.ingest(recipe=replace(RECIPE, rules=rules, override=True))
    assert seen(desk) == ["docs/all.md", "docs/both.md", "docs/more.md"]


def test_only_front_matter_speaks_of_readers(desk: Desk) -> None:
    (desk.docs / "a.html").write_text(
        '<html><head><meta name="readers" content="sales"></head><p>Pay.</p></html>'
    )
    (desk.docs / "b.eml").write_text("From: a@b\nTo: c@d\nSubject: Pay\nReaders: sales\n\nPay.\n")
    (desk.docs / "c.json").write_text('{"readers": ["sales"], "tenant": "other", "text": "Pay."}')
    (desk.docs / "d.md").write_text("---\ntenant: other\nuri: x\nfindings: [none]\n---\nPay.")
    desk.ingest(recipe=replace(RECIPE, rules=(Rule(path="*", readers=("board",)),)))
    found = desk.documents()
    assert {each.readers for each in found.values()} == {frozenset({"board"})}
    assert len(found) == 4
    metadata = {key: value for key, value in found["docs/d.md"].metadata.items() if key != "text_account"}
    assert metadata == {"language": "en", "readers_said_by": "operator"}


@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "large", "empty", "dangling"])
def test_side_car_that_is_no_plain_file_of_metadata_closes_its_document(
    desk: Desk, kind: str, tmp_path: Path
) -> None:
    (desk.docs / "a.txt").write_text(slips.SECRET)
    side_car = desk.docs / "a.txt.meta.yaml"
    match kind:
        case "link":
            (tmp_path / "real").write_text("readers: [board]")
            side_car.symlink_to(tmp_path / "real")
        case "dangling":
            side_car.symlink_to(tmp_path / "nothing")
        case "folder":
            side_car.mkdir()
        case "fifo":
            os.mkfifo(side_car)
        case "large":
            side_car.write_text("readers: [board]\n" + "#" * 70_000)
        case _:
            side_car.write_text("")
    [failure] = desk.ingest().failed
    assert (failure.uri, failure.reason) == ("docs/a.txt", "metadata")
    assert "'a.txt.meta.yaml'" in failure.message


def test_side_car_of_no_document_is_named_and_a_backup_beside_the_right_one_is_not(desk: Desk) -> None:
    (desk.docs / "gone.pdf.meta.yaml").write_text("readers: [board]")
    (desk.docs / "a.txt").write_text("Text.")
    for name in ("a.txt.meta.yaml", "a.txt.meta.yaml~", "a.txt.meta.yaml.bak"):
        (desk.docs / name).write_text("readers: [board]")
    report = desk.ingest()
    assert [(each.uri, each.reason) for each in report.failed] == [("docs/gone.pdf.meta.yaml", "metadata")]
    assert report.added == ["docs/a.txt"]


groups = st.one_of(st.none(), st.frozensets(st.sampled_from(["board", "hr", "sales"])))


@given(
    groups,
    groups,
    st.one_of(st.none(), st.builds(Readers, groups.map(lambda each: each or frozenset()), st.booleans())),
)
def test_nobody_reads_whom_neither_operator_nor_document_names(
    operator: frozenset[str] | None, document: frozenset[str] | None, before: Readers | None
) -> None:
    readers = decide(operator, document, before=before).groups
    for said in (operator, document):
        assert not said or (readers and (readers <= said or readers == NOBODY))
    if operator is None and before and before.groups and (document is None or before.by_operator):
        assert readers
        assert readers <= before.groups or readers == NOBODY


@pytest.mark.parametrize(
    "key", ["viewable_by", "accessible-to", "allow_read", "restrict_to", "authorized", "permitted-for"]
)
def test_other_words_for_who_may_read_are_refused_where_they_name_groups(key: str) -> None:
    with pytest.raises(Unparsable, match="does not decide who may read"):
        readers_of({key: ["board"]}, text=f"{key}: [board]", where="The front matter")
    assert readers_of({key: True}, text=f"{key}: true", where="The front matter") is None


@pytest.mark.parametrize(
    ("line", "states"),
    [
        ("Readers: hr, the works council and board", True),
        ("reders: [board]", True),
        ("Readers: please note that the reading room opens at nine", False),
        ("Readers: 12", False),
    ],
)
def test_a_sentence_to_readers_or_their_number_names_no_groups(line: str, states: bool) -> None:
    assert states_readers(line) is states
