"""Slips in what says who may read a document: each a folder that was meant to be read by the board alone."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

Files: TypeAlias = dict[str, bytes]
"""File name → content, of one folder with one document."""

SECRET: Final = "The managing director earns 184,000 euro a year."
BODY: Final = f"\n# Salaries\n\n{SECRET}\n"
KEYS: Final = [
    "reader",
    "Readers",
    "READERS",
    "reades",
    "redaers",
    "raeders",
    "readrs",
    "reeaders",
    "readers_",
    "allowed_readers",
    "readersList",
    "reader-groups",
    "rea-ders",
    "reаders",
    "acl",
    "access",
    "groups",
    "permissions",
    "viewers",
    "read_by",
    "re4ders",
    "readerss",
    "eaders",
    "raedrs",
]
VALUES: Final = (
    "[board", "board]", "", "~", "no", "5", "{board: true}", "[[board]]", "[1]", "[board, ]x", "@board", "''", "[~]",
    "[board, 5]", "#board", "&a [board]", "*board", "!!binary x", "- board", "2024-01-01", "[yes]", '"board', "`board`",
)  # fmt: skip
NEIGHBOURS: Final = (
    "title: Salaries: 2025", "owner: @anna", "title: %25", "\ttitle: x", "title: 'x", "tags: [a", "a: &x [1]\nb: *x",
    "date: 2024-13-45", "readers: []", "Readers: []", "title: |\n  x", "extra:", "a: b: c", "- x", "? [", "\u2028: ]",
)  # fmt: skip
FENCES: Final = ("----", "--", "-----", "- - -", "\u2014\u2014", "\u2014-", "***", "===", " ---", "+++", "```yaml", "<!--", "--- #", "", "x---")  # fmt: skip
SIDE_CARS: Final = [
    "posts.meta.yaml",
    "posts.meta.yml",
    "posts.txt.meta.yml",
    "posts.txt.meta.json",
    "posts.txt.Meta.YAML",
    "Posts.txt.meta.yaml",
    "post.txt.meta.yaml",
    "postss.txt.meta.yaml",
    "psots.txt.meta.yaml",
    "posts.tx.meta.yaml",
    "posts.md.meta.yaml",
    "posts.txt.yaml",
    "posts.yaml",
    "posts.txt.metadata.yaml",
    "posts.txt-meta.yaml",
    "posts.txt_meta.yaml",
    "posts.txt.metayaml",
    "posts.txt.meta",
    "posts.txt.mata.yaml",
    "posts.txt.meta.ymal",
    "posts.txt.meta.yaml~",
    "posts.txt.meta.yaml.bak",
    "posts.txt.meta.yaml.txt",
    ".posts.txt.meta.yaml",
    "posts.txtmeta.yaml",
    "poststxt.meta.yaml",
    "posts.txt.meta.toml",
    "posts.txt.acl",
    "posts.txt.meta (1).yaml",
    "posts.txt.meta copy.yaml",
    "posts.txt .meta.yaml",
    "posts.txt.meta.yaml ",
]


def front(lines: str, *, opened: str = "---", closed: str = "---") -> Files:
    return {"posts.md": f"{opened}\n{lines}\n{closed}\n{BODY}".encode()}


def beside(lines: str, name: str = "posts.txt.meta.yaml") -> Files:
    return {"posts.txt": SECRET.encode(), name: lines.encode()}


RIGHT: Final[tuple[Files, ...]] = (
    front("title: Pay\nreaders: [board]"),
    front("readers: board"),
    front("Readers:\n- board"),
    front('title = "Pay"\nreaders = ["board"]', opened="+++", closed="+++"),
    beside("readers: [board]\ntitle: Pay"),
)
"""The same without a slip."""


def written() -> Iterator[Files]:
    """Slips that people were seen to make."""
    for key in KEYS:
        yield from (front(f"title: Pay\n{key}: [board]"), beside(f"{key}: [board]\n"))
    for value in VALUES:
        yield from (front(f"readers: {value}\ntitle: Pay"), beside(f"title: Pay\nreaders: {value}"))
    for line in NEIGHBOURS:
        for lines in (f"readers: [board]\n{line}", f"{line}\n  readers: [board]"):
            yield from (front(lines), beside(lines))
    for fence in FENCES:
        yield from (front("readers: [board]", closed=fence), front("readers: [board]", opened=fence))
        yield front("readers: [board]", opened=fence, closed=fence)
    yield from (beside("readers: [board]\n", name) for name in SIDE_CARS)
    text = front("readers: [board]")["posts.md"].decode()
    for before in (
        "\ufeff",
        "\n\n",
        "Pay\n",
        "# Pay\n\n",
        "---\n",
        "\u200b",
        "---\ntitle: Pay\n---\n",
        "<!-- -->\n",
        "\t",
    ):
        yield {"posts.md": (before + text).encode()}
    for name in (
        "posts.txt",
        "posts.rst",
        "posts.html",
        "posts.md.txt",
        "posts",
        "posts.MD",
        "posts.markdown",
    ):
        yield {name: text.encode()}
    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037"):
        yield {"posts.md": text.encode(encoding)}
    for end in ("\r", "\r\n", "\x85", "\u2028", "\n\n", "\x0c"):
        yield {"posts.md": text.replace("\n", end).encode()}


def drawn(seed: int) -> Files:
    """A slip of the hand: one letter of what says it added, left out, replaced or swapped."""
    chance = random.Random(seed)
    files = dict(chance.choice(RIGHT))
    name = max(files, key=len)
    if name == "posts.md":
        said, body = files[name].decode().split(BODY)
        files[name] = (_slip(said, chance) + body + BODY).encode()
    elif chance.random() < 0.5:
        files[name] = _slip(files[name].decode(), chance).encode()
    else:
        files[_slip(name, chance).replace("/", "-")] = files.pop(name)
    return files


def _slip(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) - 1)
    letter = chance.choice("aeinorst xyz.,:;-_#'\"[]{}@!&*%|>\t\n19\u00e9")
    slips: list[Callable[[], str]] = [
        lambda: text[:at] + text[at + 1 :],
        lambda: text[:at] + letter + text[at:],
        lambda: text[:at] + letter + text[at + 1 :],
        lambda: text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    ]
    return chance.choice(slips)()


def write(folder: Path, files: Files) -> None:
    """Put a folder's files in place of those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
