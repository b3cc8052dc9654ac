"""Verbs of two words by the one that documents use: people hand in a claim, rules have it submitted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_VERBS: Mapping[str, tuple[str, str]] = {
    "hand": ("handed", "in: submit, over: transfer, back: return, out: distribute"),
    "turn": ("turned", "in: submit, on: enable, off: disable, down: reject, up: arrive"),
    "send": ("sent", "in: submit, back: return, off: dispatch, out: dispatch"),
    "give": ("gave given", "back: return, up: stop, away: donate, out: distribute"),
    "bring": ("brought", "back: return, along: carry"),
    "get": ("got gotten", "back: receive, rid: dispose, ill: sick"),
    "take": ("took taken", "back: return, over: assume"),
    "pay": ("paid", "back: repay, out: payment, off: repay"),
    "go": ("goes went gone", "over: exceed, up: increase, down: decrease, off: trigger"),
    "come": ("came", "back: return, up: happen"),
    "run": ("ran", "out: expire, over: exceed"),
    "look": ("looked", "after: care, up: search, into: examine"),
    "pass": ("passed", "away: death, on: forward"),
    "set": ("", "up: install, off: trigger"),
    "switch": ("switched", "on: enable, off: disable, over: change"),
    "shut": ("", "down: stop, off: stop"),
    "sign": ("signed", "up: register, off: approve"),
    "log": ("logged", "in: login, on: login, out: logout, off: logout"),
    "fill": ("filled", "in: complete, out: complete"),
    "call": ("called", "off: cancel"),
    "put": ("", "off: postpone, together: assemble"),
    "carry": ("carried", "over: transfer, out: perform"),
    "break": ("broke broken", "down: fail, off: stop"),
    "throw": ("threw thrown", "away: dispose, out: dispose"),
    "pick": ("picked", "up: collect, out: select"),
    "drop": ("dropped", "off: deliver"),
    "cut": ("", "down: reduce, back: reduce"),
    "find": ("found", "out: learn"),
    "work": ("worked", "out: calculate"),
    "lay": ("laid", "off: dismiss"),
    "step": ("stepped", "down: resign"),
    "fall": ("fell fallen", "ill: sick, behind: late"),
    "opt": ("opted", "out: decline"),
    "back": ("backed", "up: backup"),
    "reach": ("reached", "out: contact"),
    "move": ("moved", "out: leave"),
}
"""Each verb's irregular forms, and what it means with which particle."""


def _forms(verb: str, irregular: str) -> list[str]:
    stems = (verb, verb + verb[-1], verb.removesuffix("e"))
    return [verb, f"{verb}s", f"{verb}es", *(f"{stem}ing" for stem in stems), *irregular.split()]


_VERB = {form: verb for verb, (irregular, _) in _VERBS.items() for form in _forms(verb, irregular)}
_MEANT = {
    (verb, particle): word
    for verb, (_, senses) in _VERBS.items()
    for particle, word in (sense.split(": ") for sense in senses.split(", "))
}
_PATTERN = re.compile(
    rf"\b({'|'.join(sorted(_VERB, key=len, reverse=True))}) "
    r"(?:(?:my|the|an?|it|them|this|that|these|those|our|your|his|her|their|all|some)(?: [\w-]+){0,2} )?"
    rf"({'|'.join(dict.fromkeys(particle for _, particle in _MEANT))})\b"
)


@dataclass(frozen=True, slots=True)
class Meant:
    """A verb of two words, and the single word that says the same."""

    verb: str
    particle: str
    word: str


def meant(plain: str) -> list[Meant]:
    """Return the verbs of two words in a text in lower case: `hand in`, meaning `submit`, for `hand my receipts in`."""
    found = ((_VERB[form], particle) for form, particle in _PATTERN.findall(plain))
    return [Meant(*pair, _MEANT[pair]) for pair in found if pair in _MEANT]
