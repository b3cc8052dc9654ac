"""What other distributions add: entry points in four groups, found by name and loaded when they are used.

A name that Footnote has itself stays Footnote's; one that two distributions give belongs to neither. One that
cannot be loaded costs itself alone: a sentence names it and its distribution.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from vectorstore.errors import BadInput, Unavailable
from vectorstore.printable import printable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind: TypeAlias = Literal["parser", "answerer", "metric", "source"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class PlugIn:
    """One entry point: `value` is `module:name`, `distribution` the name and version of what brings it."""

    kind: Kind
    name: str
    value: str
    distribution: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r} of {self.distribution}"

    def load(self) -> Any:  # Any: whatever stands there
        """Import what the entry point names; raises Unavailable."""
        from importlib.metadata import EntryPoint

        try:
            return EntryPoint(self.name, self.value, f"footnote.{self.kind}s").load()
        except (Exception, SystemExit) as error:
            raise self.broken("cannot be loaded", error) from error

    def broken(self, what: str, error: BaseException, *, told: bool = True) -> Unavailable:
        """Say in one sentence what went wrong with it.

        The first line of `error` is part of it unless it is not to be `told`: where it may hold what was read or
        asked, and the sentence goes into a log or to a caller.
        """
        said = printable(str(error).strip().partition("\n")[0])[:_LONGEST] if told else ""
        why = f"{type(error).__name__}: {said}" if said else type(error).__name__
        return Unavailable(f"{str(self)[:1].upper()}{str(self)[1:]} {what} ({why}).", "Mend or uninstall it.")


def plug_ins(kind: Kind, *, own: Collection[str] = ()) -> dict[str, PlugIn]:
    """Return the plug-ins of a kind by name, without those whose name is Footnote's `own` or another's too."""
    found = _found()[kind]
    return {each.name: each for each in found if not _taken(each, found, own)}


def plug_in(kind: Kind, name: str, *, own: Collection[str] = ()) -> PlugIn:
    """Return the plug-in of a name; raises BadInput when none is installed, or two are."""
    known = plug_ins(kind, own=own)
    if name in known:
        return known[name]
    for each in _found()[kind]:
        if each.name == name:
            raise BadInput(_taken(each, _found()[kind], own), "Uninstall one of them.")
    others = ", ".join(sorted({*known, *own}))
    raise BadInput(
        f"No {kind} {name!r} is installed.",
        f"There are: {others}." if others else f"A package brings one as entry point `footnote.{kind}s`.",
    )


def passed_over(kind: Kind, *, own: Collection[str] = ()) -> list[str]:
    """Return a sentence for each plug-in of a kind that is not used because of its name."""
    found = _found()[kind]
    return [said for each in found if (said := _taken(each, found, own))]


def _taken(one: PlugIn, found: Collection[PlugIn], own: Collection[str]) -> str:
    said = f"{str(one)[:1].upper()}{str(one)[1:]}"
    if one.name in own:
        return f"{said} is not used: Footnote has one of that name itself."
    others = sorted({each.distribution for each in found if each.name == one.name} - {one.distribution})
    return f"{said} is not used: {', '.join(others)} brings one of that name too." if others else ""


@cache
def _found() -> dict[Kind, tuple[PlugIn, ...]]:
    """Look through what is installed, once; what is on the path twice counts where it comes first."""
    from importlib.metadata import entry_points

    installed = entry_points()
    return {
        kind: tuple(
            _read(kind, entry)
            for entry in installed.select(group=f"footnote.{kind}s")
            if entry.name.strip(".")
        )
        for kind in KINDS
    }


def _read(kind: Kind, entry: "EntryPoint") -> PlugIn:
    name = entry.name.lower().lstrip(".") if kind == "parser" else entry.name
    by = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed package"
    return PlugIn(kind, name, entry.value, by)
