"""Every setting in one list: its value, where that came from, and what a newcomer should know of it."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import AliasChoices, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from app.settings import AnswerSettings, ServeSettings
from ingest.settings import IngestSettings
from vectorstore.configuration import FootnoteSettings
from vectorstore.errors import BadInput
from vectorstore.settings import StoreSettings

CLASSES: tuple[type[FootnoteSettings], ...] = (StoreSettings, IngestSettings, ServeSettings, AnswerSettings)
_PREFIX = "FOOTNOTE_"
_TABLES = {"rules"}
_TOML = Path("footnote.toml")
_DOTENV = Path(".env")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `names` are its environment variables, the strongest first."""

    key: str
    names: tuple[str, ...]
    value: str
    default: str
    origin: str
    description: str


def settings() -> list[Setting]:
    """Return every setting with its value and origin; raises BadInput for a value that does not fit."""
    return [one for kind in CLASSES for one in _settings_of(kind)]


def check() -> None:
    """Raise BadInput for an unknown key or a value that does not fit, naming it and where it stands."""
    known = {name for kind in CLASSES for field in kind.model_fields.items() for name in _names(*field)}
    keys = {key for kind in CLASSES for key in kind.model_fields} | _TABLES
    for place, names in (("the environment", os.environ), (str(_DOTENV), _dotenv())):
        for name in names:
            if name.upper().startswith(_PREFIX) and name.upper() not in known:
                raise _unknown(name, place, known)
    for key in _toml():
        if key not in keys:
            raise _unknown(key, str(_TOML), keys)
    for kind in CLASSES:
        _loaded(kind)


def env_example() -> str:
    """Return the text of `.env.example`: every setting, commented out, with its default."""
    lines = [
        "# Every setting of Footnote with its default. Copy to .env and uncomment what you change.",
        "# Precedence: command-line flag > environment > .env > footnote.toml > default.",
    ]
    for setting in settings():
        lines += ["", f"# {setting.description}", f"# {setting.names[0]}={setting.default}"]
    return "\n".join(lines) + "\n"


def _settings_of(kind: type[FootnoteSettings]) -> Iterator[Setting]:
    loaded = _loaded(kind)
    places: list[tuple[str, Mapping[str, Any]]] = [("environment", os.environ), (".env", _dotenv())]
    for key, field in kind.model_fields.items():
        names = _names(key, field)
        found = next(
            (f"{place} ({name})" for place, held in places for name in names if held.get(name)),
            str(_TOML) if key in _toml() else "default",
        )
        yield Setting(
            key, names, _shown(getattr(loaded, key)), _shown(field.default), found, field.description or ""
        )


def _names(key: str, field: FieldInfo) -> tuple[str, ...]:
    if isinstance(field.validation_alias, AliasChoices):
        return tuple(str(name) for name in field.validation_alias.choices if str(name).isupper())
    return (f"{_PREFIX}{key.upper()}",)


def _loaded(kind: type[FootnoteSettings]) -> FootnoteSettings:
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = _PREFIX + str(first["loc"][0]).upper().removeprefix(_PREFIX)
        raise BadInput(
            f"{name} is set to {first['input']!r}, which does not fit: {first['msg'].lower()}.",
            "Run `footnote config show --origin` to see where settings come from.",
        ) from error


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _dotenv() -> Mapping[str, str | None]:
    try:
        return dotenv_values(_DOTENV) if _DOTENV.is_file() else {}
    except UnicodeDecodeError as error:
        raise BadInput(f"{_DOTENV} is not UTF-8, from byte {error.start} on.", "Save it as UTF-8.") from error


def _toml() -> dict[str, Any]:
    if not _TOML.is_file():
        return {}
    try:
        return tomllib.loads(_TOML.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{_TOML} cannot be read: {error}.") from error


def _unknown(name: str, place: str, known: set[str]) -> BadInput:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return BadInput(
        f"{name!r} in {place} is not a setting of Footnote.",
        f"Did you mean {near[0]!r}?" if near else "Run `footnote config show` for the list.",
    )
