"""What a front matter or side-car says of who may read: `readers` and nothing else, or a reason to refuse it.

A key that only looks like `readers`, or a word for the same thing, must never be taken for nothing: its author
believes the document closed. Anything unclear is refused with a sentence, and the document does not go in.
"""

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

import yaml

from ingest.extract import Unparsable

_KEY: Final = "readers"
_OTHER_WORDS: Final = frozenset(
    [
        *("header", "headers", "leader", "leaders", "render", "renders", "rider", "riders", "raiders"),
        *("trader", "traders", "grader", "graders", "loaders", "renters", "refers", "spreaders"),
    ]
)
"""English words one or two slips away from `readers`: those one away count where their value may name groups."""
_SAME_THING: Final = frozenset(
    ["acl", "acls", "access", "permission", "permissions", "permitted", "viewer", "viewers", "groups"]
)
_SAME_AS_WHOLE: Final = frozenset(
    [
        *("allow", "allowed", "group", "visibility", "read", "readable", "canread", "mayread", "readby"),
        *(
            "readableby",
            "visibleto",
            "visiblefor",
            "restrictedto",
            "sharedwith",
            "allowedusers",
            "alloweduser",
        ),
    ]
)
_SAME_BEGINNINGS: Final = ("accessib", "allow", "authori", "permit", "restrict", "viewab", "visibl")
"""How words begin that say who may see, as in `viewable_by`, `allow-read`, `restrict_to`."""
_EVERYONE: Final = frozenset(["all", "any", "anyone", "everyone", "everybody", "free", "open", "public"])
_WORDS = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STATEMENT = re.compile(
    r"""\A[ \t]*(?:[+\u2013\u2014-]{2,}[^\w\n]{0,3})?(?:[{"'<!>;,(][{"'<!>;,( \t-]{0,8})?:?(?P<key>[^\W_][\w.-]{2,30})["']?[ \t]*[:=\[\uff1a]"""
)
_COMMENT = re.compile(r"[\n#]")
_BEFORE_A_COLON = re.compile(r"([^\s:=\uff1a]{2,40})[ \t]*+[:=\uff1a]")
_LONGEST_WORD: Final = 40
_LONGEST_NAME: Final = 5
"""Words that the name of a group may have; more are a sentence."""
_ADVICE: Final = "Write it like: readers: [hr, board]."


class _Loader(yaml.SafeLoader):
    """YAML of plain values: no aliases (ten lines can stand for gigabytes), no access key twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [str(key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if sum(map(is_like_readers, keys)) > 1:
            raise yaml.YAMLError("the readers are named twice")
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> object:
    """Return what a YAML text says; raises ValueError when it is not valid, whatever the reason."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError("not valid YAML") from error


def means_readers(key: str) -> bool:
    """Say whether a key is `readers`, a likely misspelling of it, or another word for the same thing."""
    words = _words(key)
    whole = "".join(words)
    return (
        is_like_readers(key)
        or _slips(whole, _KEY) <= 1
        or whole in _SAME_AS_WHOLE
        or not _SAME_THING.isdisjoint(words)
        or any(word.startswith(_SAME_BEGINNINGS) for word in words)
    )


def is_like_readers(key: str) -> bool:
    """Say whether a key is `readers` or looks like it, as a whole or in one of its words (`allowed_readers`)."""
    words = _words(key)
    return any(_alike(word) for word in {*words, "".join(words)})


def names_readers(text: str) -> bool:
    """Say whether a text that could not be read may have been meant to name readers."""
    words = _words(text)
    # a blank or a line break may stand in the middle of a word
    joined = (one + other for one, other in pairwise(words))
    keys = (match[1] for match in _BEFORE_A_COLON.finditer(text))
    return any(map(_alike, words)) or any(map(_misspells, joined)) or any(map(means_readers, keys))


def states_readers(line: str) -> bool:
    """Say whether a line looks like `readers: …`, outside of where it would be read."""
    match = _STATEMENT.match(line)
    if match is None or not _misspells("".join(_words(match["key"]))):
        return False
    # `Readers: please note that …` and `Readers: 12` name no groups.
    items = line[match.end() :].split(",")
    return not any(len(item.split()) > _LONGEST_NAME or item.strip().isdigit() for item in items)


def readers_of(values: Mapping[str, object], *, text: str, where: str) -> tuple[str, ...] | None:
    """Return whom a mapping names as readers: group names, () for everyone, None when it says nothing.

    `text` is what the mapping was read from, `where` begins the sentence (`The front matter`).

    Raises:
        Unparsable: anything that may have been meant to name readers and does not, plainly ("metadata").

    """
    own = [key for key in values if is_readers(key)]
    for key, value in _nested(values):
        if (is_like_readers(key) and key not in own) or (not own and _may_mean_readers(key, value)):
            raise Unparsable(
                "metadata", f"{where} holds {key[:60]!r}, which does not decide who may read. {_ADVICE}"
            )
    if len(own) > 1:
        raise Unparsable("metadata", f"{where} names readers twice. {_ADVICE}")
    if own:
        return _names(values[own[0]], where)
    lines = (part.lstrip(string.punctuation + string.whitespace) for part in _COMMENT.split(text))
    if any(map(states_readers, lines)):
        raise Unparsable(
            "metadata",
            f"{where} names readers in a comment or inside another value. Give them a line of their own, or none.",
        )
    return None


def is_readers(key: str) -> bool:
    """Say whether a key is `readers`, in capitals or not."""
    return unicodedata.normalize("NFKC", key).strip().casefold() == _KEY


def _names(value: object, where: str) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise Unparsable("metadata", f"{where}'s `readers` is not a list of group names. {_ADVICE}")
    plain = tuple(unicodedata.normalize("NFC", name).strip() for name in names)
    if any(not name or not name.isprintable() for name in plain):
        raise Unparsable(
            "metadata", f"{where}'s `readers` holds a name that is empty or not plain. {_ADVICE}"
        )
    return plain


def _nested(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield every key with its value, at any depth; without aliases there are no more than the text has."""
    waiting: list[object] = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield str(key), inner
                waiting.append(inner)
        elif isinstance(value, list | tuple | set | frozenset):
            waiting.extend(value)


def _may_mean_readers(key: str, value: object) -> bool:
    """Say whether a word that has other uses too names groups here: text that does not say everyone."""
    items = value if isinstance(value, list | tuple) else [value]
    texts = [item.strip().lower() for item in items if isinstance(item, str) and item.strip()]
    return means_readers(key) and any(text not in _EVERYONE for text in texts)


def _alike(word: str) -> bool:
    if word in _OTHER_WORDS or len(word) > _LONGEST_WORD:
        return False
    return word.startswith("reader") or word.endswith("readers") or _misspells(word)


def _misspells(word: str) -> bool:
    if word in _OTHER_WORDS or len(word) < len("reads"):
        return False
    return _slips(word, "reader") <= 1 or _slips(word, _KEY) <= 2


def _slips(word: str, meant: str) -> int:
    """Count the letters to add, leave out, replace or swap with the next one; 3 stands for more."""
    if abs(len(word) - len(meant)) > 2:
        return 3
    before, row = [0] * (len(meant) + 1), list(range(len(meant) + 1))
    for i, letter in enumerate(word, start=1):
        older, before, row = before, row, [i]
        for j, other in enumerate(meant, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and word[i - 2] == other and letter == meant[j - 2]:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _words(key: str) -> list[str]:
    parted = _HUMP.sub(" ", unicodedata.normalize("NFKC", key))
    return [word.lower() for word in _WORDS.findall(parted)]
