"""Build the chat messages that ask a language model to answer from passages, and know them where they come back."""

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, TypedDict

from app.events import Passage
from app.language.phrases import languages, say
from app.question import Message
from prompts.loader import Prompt, load, load_file
from vectorstore.language.marks import ITEM, unmarked
from vectorstore.language.sentences import SentenceStream, sentence_spans

_HISTORY_TURNS = 6
_HISTORY_CHARACTERS = 1_500
_TEMPLATE = re.compile(
    r"<[|｜](?P<barred>[^|｜<>\n]{1,40})[|｜]>|<(?P<plain>/?s|(?:start|end)_of_turn|<?/?SYS>?)>"
    r"|\[(?P<square>/?INST|/?SYSTEM_PROMPT|TOOL_CALLS|/?AVAILABLE_TOOLS)\]"
)
"""Marks of chat templates, which some servers take for what they say wherever they stand."""
_NOTES = ("unsure", "instead", "unsupported", "partly_supported", "length", "content_filter")
"""What Footnote says itself in an answer and below it."""


class ChatMessage(TypedDict):
    """One message in the shape that every chat model takes."""

    role: Literal["system", "user", "assistant"]
    content: str


def answer_prompt(*, short: bool, file: str = "") -> Prompt:
    """Return the prompt that answers are written with: ours, or the one in a file of the operator's."""
    return load_file(Path(file)) if file else load("answer_short" if short else "answer")


def chat_messages(
    question: str,
    *,
    passages: Sequence[Passage],
    history: Sequence[Message],
    short: bool = False,
    file: str = "",
) -> list[ChatMessage]:
    """Build the messages, with the passages fenced by a delimiter that no document can know.

    `short` is the form for small models, `file` the operator's own. Below the fence stand the passages' numbers only: titles are data too.
    Random delimiters and declaring the fenced text as data follow "spotlighting" (Hines et al., 2024).
    """
    delimiter = f"<<{secrets.token_hex(8)}>>"
    earlier: list[ChatMessage] = [
        {"role": message.role, "content": defused(without_notes(message.text)[:_HISTORY_CHARACTERS])}
        for message in history[-_HISTORY_TURNS:]
    ]
    listed = "\n\n".join(_listed(passage) for passage in passages)
    return [
        {"role": "system", "content": answer_prompt(short=short, file=file).fill(delimiter=delimiter)},
        *earlier,
        {
            "role": "user",
            "content": load("passages").fill(
                delimiter=delimiter,
                passages=listed,
                numbers=" ".join(f"[{passage.number}]" for passage in passages),
                question=defused(question),
            ),
        },
    ]


def defused(text: str) -> str:
    """Return a text in which no mark of a chat template ends its turn: each stands there in ‹ ›."""
    return _TEMPLATE.sub(lambda mark: f"‹{mark[mark.lastgroup or 0].strip('<>')}›", text)


def without_notes(text: str) -> str:
    """Return an earlier answer without what Footnote said itself: a model takes it for its own, and says it again."""
    for note in _every_note():
        text = text.replace(note, "")
    return text.strip()


@lru_cache(maxsize=1)
def _every_note() -> tuple[str, ...]:
    return tuple(say(note, code) for note in _NOTES for code in languages())


def rewrite_prompt(sentence: str, passages: Sequence[Passage]) -> str:
    """Build the message that asks for a second wording of one sentence which the passages do not support."""
    listed = "\n\n".join(_listed(passage) for passage in passages)
    return load("rewrite").fill(delimiter=f"<<{secrets.token_hex(8)}>>", passages=listed, sentence=sentence)


def _listed(passage: Passage) -> str:
    document = passage.document
    where = [document.title or document.uri]
    if passage.span.page is not None:
        where.append(f"page {passage.span.page}")
    if document.modified is not None:
        where.append(f"dated {document.modified:%Y-%m-%d}")
    heading = f"\n{' > '.join(passage.headings)}" if passage.headings else ""
    return defused(f"[{passage.number}] {', '.join(where)}{heading}\n{passage.text}")


_WORD = re.compile(r"\[|\w++")
_RUN = 8
"""Words in a row that no answer shares with instructions by chance."""
_HELD, _STEP = 2 * _RUN, 40
"""Words that are held back of an open sentence, and after how many more characters it is looked at again."""
_FEWEST = 5
"""Words from which on a sentence is not said twice."""
_DELIMITER = re.compile(r"<<([0-9a-f]{16})>>")
_PART = 8
"""Characters of the delimiter that nothing but the delimiter has."""
_LOOPS = 3
"""Sentences in a row that have all been said before, after which a model is heard no longer."""
_DRESS = " \t*_#>-"
_LONGEST_LINE = 400
"""Characters from which on a line is taken for no frame, so that it is not read again and again."""


class WithoutEchoes:
    """A streaming filter that leaves out what a model copies instead of answering.

    That are lines that frame the passages in the prompt, sentences of the instructions, what Footnote says itself, and
    sentences that have been said. What stands in a passage or in the conversation may be said, once.
    """

    def __init__(self, messages: Sequence[ChatMessage], passages: Sequence[Passage]) -> None:
        told, asked = messages[0]["content"], messages[-1]["content"]
        self._sources = [*(passage.text for passage in passages), asked]
        self._sources += [message["content"] for message in messages[1:-1]]
        lines = {line for passage in passages for line in passage.text.splitlines()}
        # Most lines of the prompt are the passages' own: only the others are read.
        frames = {_spoken(line) for line in set(asked.splitlines()) - lines} - {""}
        self._frames = frames.difference(*(_spoken_lines(passage.text) for passage in passages))
        labelled = [bare for line in lines if (bare := line.lstrip(_DRESS)).startswith(_labels())]
        self._labels = tuple(label for label in _labels() if not any(map(_begins(label), labelled)))
        self._told = _runs(told) | _told_beside()[0]
        self._rules = {_claimed(told[slice(*span)]) for span in sentence_spans(told)} | _told_beside()[1]
        signs = _DELIMITER.findall(told + asked)
        self._signs = {sign[at : at + _PART] for sign in signs for at in range(len(sign) - _PART + 1)}
        self._sentences = SentenceStream(quotations=True)
        self._said = set[str]()
        self._line = self._text = ""
        self._base = self._left = self._again = self._out = self._looked = 0
        self._passing = self._fenced = self._begun = False
        self.dropped = False
        """Whether anything has been left out."""

    @cached_property
    def _known(self) -> str:
        """The words of what may be said: passages, conversation and question. Few answers have them read."""
        return " ".join(map(_spoken, self._sources))

    @cached_property
    def _known_runs(self) -> set[str]:
        return set[str]().union(*map(_runs, self._sources))

    @property
    def loops(self) -> bool:
        """Whether the model only repeats itself."""
        return self._again >= _LOOPS

    def feed(self, delta: str) -> str:
        """Take more text; return the sentences that it closed."""
        *lines, last = delta.split("\n")
        passed = "".join(self._passed(f"{line}\n") for line in lines) + self._passed(last)
        self._text += passed
        return self._kept(self._sentences.feed(passed)) + self._begun_of()

    def finish(self) -> str:
        """Return what was still held back."""
        passed = "" if self._is_frame(self._line, ended=True) else self._line
        self._line, self._text = "", self._text + passed
        return self._kept([*self._sentences.feed(passed), *self._sentences.finish()])

    def _passed(self, piece: str) -> str:
        """Pass on what is of no line that frames passages; a line is held while it may still become one."""
        ends = piece.endswith("\n")
        if self._passing:
            self._passing = not ends
            return piece
        line = self._line + piece
        if len(line) < _LONGEST_LINE and self._is_frame(line, ended=ends):
            self._line = "" if ends else line
            return ""
        self._line, self._passing = "", not ends
        return line

    def _is_frame(self, line: str, *, ended: bool) -> bool:
        """Say whether a line frames passages; one that goes on, whether it may."""
        spoken, bare = _spoken(line), line.lstrip(_DRESS)
        labelled = bare.startswith(self._labels)
        if ended:
            framed = labelled or spoken in self._frames
            self.dropped = self.dropped or framed
            return framed
        begun = any(label.startswith(bare) for label in self._labels)
        return labelled or begun or any(frame.startswith(spoken) for frame in self._frames)

    def _kept(self, closed: Iterable[tuple[int, int]]) -> str:
        kept = list[str]()
        for start, end in closed:
            sentence = self._text[start - self._base : end - self._base]
            said = self._said_of(sentence)
            if said and (not self._out or said == sentence):
                gap = self._text[self._left - self._base : start - self._base]
                kept.append((gap + said)[self._out :])
            self.dropped = self.dropped or said != sentence
            self._left, self._out, self._looked = end, 0, 0
        self._base, self._text = self._left, self._text[self._left - self._base :]
        return "".join(kept)

    def _begun_of(self) -> str:
        """Return what may leave of the sentence that is open: all but its last words, once it can be no copy."""
        length = self._base + len(self._text) - self._left
        if self._fenced or length < self._looked + _STEP:
            return ""
        self._looked = length
        open_ = self._text[self._left - self._base :]
        # Of what has left, all was looked at with the words after it.
        tail = open_[max(self._out, len(open_) - _LONGEST_LINE) :]
        places = [word.start() for word in _WORD.finditer(tail)]
        if len(places) <= _HELD or self._is_told(tail):
            return ""
        if not self._out:
            begun = _claimed(open_.lstrip())
            if any(said.startswith(begun) for said in self._said) or any(
                rule.startswith(begun) and rule not in self._known for rule in self._rules
            ):
                return ""
        cut = len(open_) - len(tail) + places[-_HELD]
        leaving, self._out = open_[self._out : cut], max(self._out, cut)
        return leaving

    def _said_of(self, sentence: str) -> str:
        """Return what may be said of a sentence; it may go on over lines, of which some are copied."""
        fence = sentence.startswith(("```", "~~~"))
        if fence or self._fenced:
            self._fenced, self._begun = self._fenced != fence, True
            return sentence
        lines = [line for line in sentence.split("\n") if not self._is_told(line)]
        left = "\n".join(lines).strip()
        if not left or self._is_told(left):
            return ""
        spoken = _claimed(left)
        if not spoken and not self._begun:
            return ""  # markers before anything is said
        self._begun = True
        again = spoken in self._said
        self._again = self._again + 1 if again else 0
        if spoken.count(" ") + 1 >= _FEWEST:
            self._said.add(spoken)
        return "" if again else left

    def _is_told(self, text: str) -> bool:
        if any(part in text for part in self._signs):
            return True
        if (claimed := _claimed(text)) in self._rules and claimed not in self._known:
            return True
        told = self._told & _runs(text)
        return bool(told) and not told <= self._known_runs


def _begins(label: str) -> Callable[[str], bool]:
    return lambda line: line.startswith(label)


@lru_cache(maxsize=1)
def _labels() -> tuple[str, ...]:
    labels = (line.partition("${")[0].strip() for line in load("passages").text.splitlines())
    return tuple(filter(None, labels))


@lru_cache(maxsize=1)
def _told_beside() -> tuple[frozenset[str], frozenset[str]]:
    """Return the runs of words and the sentences of what Footnote says itself."""
    notes = "\n".join(_every_note())
    sentences = (_claimed(notes[slice(*span)]) for span in sentence_spans(notes))
    return frozenset(_runs(notes)), frozenset(sentences)


@lru_cache(maxsize=256)
def _spoken_lines(text: str) -> frozenset[str]:
    return frozenset(map(_spoken, text.splitlines()))


def _spoken(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _claimed(sentence: str) -> str:
    return _spoken(unmarked(ITEM.sub("", sentence)))


def _runs(text: str) -> set[str]:
    words = _WORD.findall(text.casefold())
    return {" ".join(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)}
