"""Which files are found, what they are called, and what is passed over."""

import os
from pathlib import Path

import pytest

from ingest.sources.discover import Discovery, Filters, discover
from ingest.sources.roots import Roots
from vectorstore.errors import BadInput, NotFound


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"Text of {name}.")
    return folder


def find(*paths: Path, roots: Roots | None = None, **filters: tuple[str, ...]) -> Discovery:
    return discover(paths, roots=roots or Roots(), filters=Filters(**filters))


def test_folder_is_searched_recursively_and_in_order(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "b.md", "a.md", "sub/c.md", "sub/deeper/d.md")
    assert list(find(docs).sources) == ["docs/a.md", "docs/b.md", "docs/sub/c.md", "docs/sub/deeper/d.md"]


def test_address_is_the_same_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = write(tmp_path / "docs", "sub/a.md")
    outside = find(docs).sources.keys()
    monkeypatch.chdir(docs)
    assert find(Path()).sources.keys() == outside
    monkeypatch.chdir(docs / "sub")
    assert find(Path("..")).sources.keys() == outside


def test_part_of_a_known_folder_keeps_its_addresses(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "sub/a.md", "b.md")
    roots = Roots()
    find(docs, roots=roots)
    assert list(find(docs / "sub", roots=roots).sources) == ["docs/sub/a.md"]
    assert list(find(docs / "b.md", roots=roots).sources) == ["docs/b.md"]
    assert find(docs / "sub", roots=roots).folders == ["docs/sub/"]


def test_two_folders_of_one_name_do_not_collide(tmp_path: Path) -> None:
    one, two = write(tmp_path / "sales/docs", "a.md"), write(tmp_path / "legal/docs", "a.md")
    roots = Roots()
    assert list(find(one, two, roots=roots).sources) == ["docs/a.md", "legal/docs/a.md"]
    again = Roots(list(roots))
    assert list(find(two, one, roots=again).sources) == ["legal/docs/a.md", "docs/a.md"]


def test_folder_that_has_moved_keeps_its_name(tmp_path: Path) -> None:
    roots = Roots()
    find(write(tmp_path / "old/docs", "a.md"), roots=roots)
    (tmp_path / "old").rename(tmp_path / "new")
    assert list(find(tmp_path / "new/docs", roots=roots).sources) == ["docs/a.md"]
    assert [root.path for root in roots] == [tmp_path / "new/docs"]


def test_single_file_is_addressed_under_its_folder(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md")
    source = find(docs / "a.md").sources["docs/a.md"]
    assert source.named
    assert not find(docs).sources["docs/a.md"].named


def test_links_hidden_and_special_files_are_passed_over(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md", ".hidden.md", ".git/config", "~$a.docx")
    write(tmp_path, "secret.md")
    (docs / "link.md").symlink_to(tmp_path / "secret.md")
    (docs / "loop").symlink_to(docs)
    os.mkfifo(docs / "pipe.md")
    found = find(docs)
    assert list(found.sources) == ["docs/a.md"]
    assert found.passed_over == {
        "docs/.git": "hidden",
        "docs/.hidden.md": "hidden",
        "docs/link.md": "a link",
        "docs/loop": "a link",
        "docs/pipe.md": "a special file",
        "docs/~$a.docx": "hidden",
    }


def test_ignore_files_hold_for_their_folder(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md", "drafts/b.md", "sub/c.md", "sub/keep.md", "sub/x/c.md")
    (docs / ".footnoteignore").write_text("drafts/\n")
    (docs / "sub/.footnoteignore").write_text("c.md\n!keep.md\n")
    assert list(find(docs).sources) == ["docs/a.md", "docs/sub/keep.md"]


def test_include_and_exclude_choose_by_pattern(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md", "b.pdf", "sub/c.md", "sub/d.txt")
    assert list(find(docs, include=("*.md",)).sources) == ["docs/a.md", "docs/sub/c.md"]
    assert list(find(docs, exclude=("sub/",)).sources) == ["docs/a.md", "docs/b.pdf"]
    assert find(docs, include=("*.md",)).excluded == {"docs/b.pdf", "docs/sub/d.txt"}


def test_side_cars_are_no_documents(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md", "a.md.meta.yaml")
    assert list(find(docs).sources) == ["docs/a.md"]


def test_index_inside_the_folder_is_not_ingested(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md", "data/ingest.json")
    found = discover([docs], roots=Roots(), filters=Filters(), data_dir=docs / "data")
    assert list(found.sources) == ["docs/a.md"]


def test_name_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "tab\there.md")
    Path(os.fsdecode(os.fsencode(docs) + b"/caf\xe9.md")).write_text("Text.")
    assert list(find(docs).sources) == ["docs/caf\\xe9.md", "docs/tab\\there.md"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_unreadable_folder_is_reported(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md", "closed/b.md")
    (docs / "closed").chmod(0)
    found = find(docs)
    (docs / "closed").chmod(0o700)
    assert list(found.unreadable) == ["docs/closed/"]


def test_missing_path_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file or folder"):
        find(tmp_path / "nowhere")


def test_special_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="neither a file nor a folder"):
        find(tmp_path / "pipe")
