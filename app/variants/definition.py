"""What a variant is: a named set of values for settings of answering, laid over those in force.

Never of who may ask, what is kept, or where: a variant changes how a question is answered and nothing else. Keys are
not kept with it: a variant names the environment variable that holds one, or uses the configured key, which goes to
no other server than it was set for.
"""

import difflib
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from app.settings import AnswerSettings, ModelSettings, Settings
from vectorstore.errors import BadInput
from vectorstore.settings import FootnoteSettings, StoreSettings
from vectorstore.state.files import private

Class = TypeVar("Class", bound=FootnoteSettings)
_SEARCH: Final = ("dense_weight", "deduplicate", "rerank_depth", "reranker", "reranker_model", "reranker_key")
"""What of the index's settings says how it is searched. The rest says where it lies and what is in it."""
_NOT_ANSWERING: Final = {"max_question_chars"}
KINDS: Final[dict[str, type[FootnoteSettings]]] = {
    **dict.fromkeys(_SEARCH, StoreSettings),
    **{key: AnswerSettings for key in AnswerSettings.model_fields if key not in _NOT_ANSWERING},
    **dict.fromkeys(ModelSettings.model_fields, ModelSettings),
}
"""Every setting that a variant may change, with its class."""
_SECRETS: Final = {"llm_api_key": ("llm_base_url", "llm_model"), "reranker_key": ("reranker",)}
"""Each key with what says to whom it goes."""
KEY_VARIABLE: Final = re.compile(r"env:(?P<name>FOOTNOTE_VARIANT_KEY_[A-Z0-9_]{1,60})")
"""Where a variant's key may stand: no other variable of the service can be sent anywhere by a variant."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_RESERVED: Final = {"base", "settings"}
_LONGEST_PROMPT: Final = 40_000
_PREFIX: Final = "footnote_"


def _known(values: Mapping[str, str]) -> Mapping[str, str]:
    if strangers := sorted(values.keys() - KINDS.keys()):
        raise ValueError(f"{strangers[0]} is no setting of answering")
    if kept := [key for key in _SECRETS if key in values and not KEY_VARIABLE.fullmatch(values[key])]:
        raise ValueError(f"{kept[0]} is no name of a variable")
    return values


Values = Annotated[dict[str, Annotated[str, Field(max_length=2_000)]], AfterValidator(_known)]
"""Settings by their names in small letters, as text."""


class Changes(BaseModel):
    """What is other than the settings. `prompt` is the text of a prompt file, kept so that every replica has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    values: Values = Field(default_factory=dict)
    prompt: Annotated[str, Field(max_length=_LONGEST_PROMPT)] = ""

    def over(self, earlier: "Changes") -> "Changes":
        """Return both, with these over the earlier ones, whose keys do not go to whom these ask instead."""
        values = {**earlier.values, **self.values}
        for key, receivers in _SECRETS.items():
            if key not in self.values and _receivers(values, receivers) != _receivers(
                earlier.values, receivers
            ):
                values.pop(key, None)
        return Changes(values=values, prompt=self.prompt or earlier.prompt)

    def without(self, given: frozenset[str], settings: Settings) -> "Changes":
        """Return these but for what is `given` otherwise, and for keys that would go to whom that names instead."""
        values = {key: value for key, value in self.values.items() if key not in given}
        configured = _configured(settings)
        for key, receivers in _SECRETS.items():
            if _receivers(configured | values, receivers) != _receivers(configured | self.values, receivers):
                values.pop(key, None)
        return Changes(values=values, prompt="" if "prompt_file" in given else self.prompt)

    def applied(self, settings: Settings) -> Settings:
        """Return the settings with these values in place of theirs; raises BadInput for one that does not fit."""
        values: dict[str, object] = dict(self.values)
        if self.prompt:
            values["prompt_file"] = str(self._file(settings.store.cache))
        values |= _keys(settings, self.values)
        return replace(
            settings,
            store=_with(settings.store, values),
            answer=_with(settings.answer, values),
            model=_with(settings.model, values),
        )

    def _file(self, cache: Path) -> Path:
        """Return a file with the prompt, named by its content."""
        path = cache / "prompts" / f"{hashlib.sha256(self.prompt.encode()).hexdigest()[:24]}.md"
        if not path.is_file() or path.read_text(encoding="utf-8") != self.prompt:
            private(path.parent)
            new = path.with_suffix(f".{os.getpid()}")
            new.write_text(self.prompt, encoding="utf-8")
            new.replace(path)
        return path

    def told(self) -> dict[str, str]:
        """Return the changes as people read them, by the names of variables; of a prompt its hash."""
        shown = {f"{_PREFIX}{key}".upper(): value for key, value in sorted(self.values.items())}
        if self.prompt:
            shown["FOOTNOTE_PROMPT_FILE"] = (
                f"own text {hashlib.sha256(self.prompt.encode()).hexdigest()[:12]}"
            )
        return shown


def name_of(given: str) -> str:
    """Return a variant's name; raises BadInput for what can be none."""
    if _NAME.fullmatch(given) is None or given in _RESERVED:
        raise BadInput(
            f"{given!r} cannot be the name of a variant.",
            "Take up to 32 small letters, digits, dots and dashes, and not `base`.",
        )
    return given


def changes_of(pairs: Sequence[str], prompt: Path | None = None) -> Changes:
    """Read NAME=VALUE pairs as they stand on a command line; raises BadInput, with what to write instead."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        key = name.strip().lower().removeprefix(_PREFIX)
        if not equals:
            raise BadInput(f"{pair!r} is not NAME=VALUE.", "Write it like --set FOOTNOTE_TOP_K=30.")
        _demand_known(key)
        if key in values:
            raise BadInput(f"{_variable(key)} is set twice.", "Give it one value.")
        if "@" in value.partition("://")[2].partition("/")[0]:
            raise BadInput(
                f"Passwords are not kept with variants, and the address in {_variable(key)} holds one.",
                "Write it without, and name a variable that holds a key (docs/variants.md).",
            )
        if key in _SECRETS and not KEY_VARIABLE.fullmatch(value):
            raise BadInput(
                f"Keys are not kept with variants, and {_variable(key)} is one.",
                f"Put it into a variable of the service and name that: --set {_variable(key)}=env:FOOTNOTE_VARIANT_KEY_B.",
            )
        values[key] = value
    file = values.pop("prompt_file", None) if prompt is None else str(prompt)
    text = ""
    if file:
        _with(ModelSettings(), {"prompt_file": file})  # what is wrong with it is said there
        text = Path(file).read_text(encoding="utf-8")
    if len(text) > _LONGEST_PROMPT:
        raise BadInput(f"The prompt has {len(text):,} characters.", f"The most is {_LONGEST_PROMPT:,}.")
    return Changes(values=values, prompt=text)


def _demand_known(key: str) -> None:
    if key in KINDS:
        return
    every = {each for kind in Settings.__annotations__.values() for each in getattr(kind, "model_fields", {})}
    near = difflib.get_close_matches(key, sorted(KINDS), n=1)
    if key in every:
        raise BadInput(
            f"{_variable(key)} is not for a variant: it does not say how questions are answered.",
            "Variants change the model, its prompt, how the index is searched and when an answer counts as sure.",
        )
    raise BadInput(
        f"{_variable(key)} is not a setting of Footnote.",
        f"Did you mean {_variable(near[0])}?" if near else "Run `footnote config show` for the list.",
    )


def _keys(settings: Settings, values: Mapping[str, str]) -> dict[str, SecretStr]:
    """Return the keys that variables hold; raises BadInput where one is not set here.

    A key that is configured for one server is left out where the variant asks another.
    """
    configured = _configured(settings)
    found = {}
    for key, receivers in _SECRETS.items():
        if named := KEY_VARIABLE.fullmatch(values.get(key, "")):
            if not (secret := os.environ.get(named["name"])):
                raise BadInput(
                    f"The variable {named['name']}, which is to hold a key, is not set here.",
                    "Set it for this command and for every replica of the service.",
                )
            found[key] = SecretStr(secret)
        elif _receivers(configured | {**values}, receivers) != _receivers(configured, receivers):
            found[key] = SecretStr("")
    return found


def _configured(settings: Settings) -> dict[str, str]:
    return {
        "llm_base_url": settings.model.llm_base_url,
        "llm_model": settings.model.llm_model,
        "reranker": settings.store.reranker,
    }


def _receivers(values: Mapping[str, str], names: Sequence[str]) -> str:
    """Return to whom a key goes: the first of an address, and the provider before a model's name, where there is one."""
    held = [values.get(name, "") for name in names]
    return held[0].rstrip("/") or next((each.partition(":")[0] for each in held[1:] if ":" in each), "")


def _with(settings: Class, values: Mapping[str, object]) -> Class:
    kind = type(settings)
    own = {key: value for key, value in values.items() if key in kind.model_fields}
    if not own:
        return settings
    try:
        return kind(**{**settings.model_dump(), **own})
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]).lower().removeprefix(_PREFIX)
        said = first["msg"].removeprefix("Value error, ")
        raise BadInput(
            f"{_variable(key)}={first['input']!r} does not fit: {said[:1].lower()}{said[1:]}.",
            "docs/reference.md says what each setting takes.",
        ) from error


def _variable(key: str) -> str:
    return f"{_PREFIX}{key}".upper()
