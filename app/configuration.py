"""Every setting in one list: its value, where that came from, and what a newcomer should know of it."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from dotenv import dotenv_values
from pydantic import AliasChoices, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError

from app.settings import Settings
from vectorstore.errors import BadInput
from vectorstore.settings import SECRETS_DIR, FootnoteSettings

CLASSES: tuple[type[FootnoteSettings], ...] = tuple(get_type_hints(Settings).values())
_PREFIX = "FOOTNOTE_"
NO_SETTINGS = {"FOOTNOTE_URL", SECRETS_DIR}
"""What docs/clients.md has programs beside Footnote read, from the same environment; and where settings lie."""
KEYS_OF_VARIANTS = "FOOTNOTE_VARIANT_KEY_"
"""How variables begin that hold a key for a variant (`app/variants/definition.py`)."""
_LIKENESS = 0.8
"""From here on an unknown name is a misspelt setting; below it, somebody else's."""
_TABLES = {"rules"}
_PASSWORD = re.compile(r"(://[^/@:\s]{0,200}+:)[^/@\s]{1,200}+@")
"""What stands between the name and the host of an address."""
_QUERY = re.compile(r"(://[^?\s]{0,500}+)\?[^\s'\"]++")
_TOML = Path("footnote.toml")
_DOTENV = Path(".env")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `names` are its environment variables, the strongest first; `concern` is what its class rules."""

    key: str
    names: tuple[str, ...]
    value: str
    default: str
    origin: str
    description: str
    concern: str


def settings(promoted: Mapping[str, tuple[str, str]] | None = None) -> list[Setting]:
    """Return every setting with its value and origin; where one value does not fit, as they stand.

    `promoted` are values of a variant that answers everybody, each with its origin, by `FOOTNOTE_` names.
    """
    found = [one for kind in CLASSES for one in _settings_of(kind)]
    over = {f"{_PREFIX}{one.key.upper()}": one for one in found} if promoted else {}
    for name, (value, origin) in (promoted or {}).items():
        found[found.index(over[name])] = replace(over[name], value=value, origin=origin)
    return found


def check() -> list[str]:
    """Return a sentence for each variable that is no setting and is passed over.

    Raises BadInput for a misspelt name, an unknown key in footnote.toml, and a value that does not fit, naming it
    and where it stands.
    """
    known = {name for kind in CLASSES for field in kind.model_fields.items() for name in _names(*field)}
    keys = {key for kind in CLASSES for key in kind.model_fields} | _TABLES
    passed_over = []
    for place, names in (
        ("the environment", os.environ),
        (str(_DOTENV), _dotenv()),
        (SECRETS_DIR, _secrets()),
    ):
        for name in names:
            if not name.upper().startswith(_PREFIX) or name.upper() in known | NO_SETTINGS:
                continue
            if name.startswith(KEYS_OF_VARIANTS):
                continue
            what = f"{name!r} in {place} is not a setting of Footnote"
            if near := _near(name.upper(), known):
                raise BadInput(f"{what}.", f"Did you mean {near!r}?")
            passed_over.append(f"{what} and is passed over.")
    for key in _toml():
        if key not in keys:
            near = next(iter(difflib.get_close_matches(key, sorted(keys), n=1)), None)
            raise BadInput(
                f"{key!r} in {_TOML} is not a setting of Footnote.",
                f"Did you mean {near!r}?" if near else "Run `footnote config show` for the list.",
            )
    for kind in CLASSES:
        _loaded(kind)
    return passed_over


def env_example() -> str:
    """Return the text of `.env.example`: every setting, commented out, with its default."""
    lines = [
        "# Every setting of Footnote with its default. Copy to .env and uncomment what you change.",
        f"# Precedence: command-line flag > promoted variant > environment > .env > files in {SECRETS_DIR} > footnote.toml > default.",
    ]
    for setting in settings():
        lines += ["", f"# {setting.description}", f"# {setting.names[0]}={setting.default}"]
    return "\n".join(lines) + "\n"


def _settings_of(kind: type[FootnoteSettings]) -> Iterator[Setting]:
    places: list[tuple[str, Mapping[str, Any]]] = [
        ("environment", os.environ), (".env", _dotenv()), (SECRETS_DIR, _secrets())
    ]  # fmt: skip
    written = _toml()
    try:
        loaded = _loaded(kind)
    except BadInput:
        loaded = None
    concern = (kind.__doc__ or "").partition("\n")[0]
    for key, field in kind.model_fields.items():
        names = _names(key, field)
        found = next(
            (f"{place} ({name})" for place, held in places for name in names if held.get(name)),
            str(_TOML) if key in written else "default",
        )
        value = getattr(loaded, key) if loaded else _raw(key, field, places)
        yield Setting(
            key, names, _shown(value), _shown(field.default), found, field.description or "", concern
        )


def _raw(key: str, field: FieldInfo, places: list[tuple[str, Mapping[str, Any]]]) -> object:
    written = next((held[name] for _, held in places for name in _names(key, field) if held.get(name)), None)
    value = _toml().get(key, field.default) if written is None else written
    return SecretStr(str(value)) if field.annotation is SecretStr else value


def _names(key: str, field: FieldInfo) -> tuple[str, ...]:
    if isinstance(field.validation_alias, AliasChoices):
        return tuple(str(name) for name in field.validation_alias.choices if str(name).isupper())
    return (f"{_PREFIX}{key.upper()}",)


def _loaded(kind: type[FootnoteSettings]) -> FootnoteSettings:
    try:
        return kind()
    except SettingsError as error:
        raise BadInput(
            f"A setting cannot be read: {error}.",
            "Lists of tables, such as [[rules]], go into footnote.toml.",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = _PREFIX + str(first["loc"][0]).upper().removeprefix(_PREFIX)
        raise BadInput(
            f"{name} is set to {masked(repr(first['input']))}, which does not fit: {_said(first['msg'])}.",
            "Run `footnote config show --origin` to see where settings come from.",
        ) from error


def _said(message: str) -> str:
    """Put pydantic's words into the middle of a sentence, and our own as they are."""
    own = message.removeprefix("Value error, ")
    return own if own != message else message[:1].lower() + message[1:]


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else _PASSWORD.sub(r"\1********@", str(value))


def masked(value: str) -> str:
    """Return a value that does not fit without what may be secret in it: a password, the query of a signed address."""
    return _QUERY.sub(r"\1?********", _PASSWORD.sub(r"\1********@", value))


def _dotenv() -> Mapping[str, str | None]:
    try:
        return dotenv_values(_DOTENV) if _DOTENV.is_file() else {}
    except UnicodeDecodeError as error:
        raise BadInput(f"{_DOTENV} is not UTF-8, from byte {error.start} on.", "Save it as UTF-8.") from error


def _secrets() -> dict[str, str]:
    """Return the files of the folder of secrets by their settings; raises BadInput where it names none."""
    if not (folder := os.environ.get(SECRETS_DIR)):
        return {}
    try:
        files = [each for each in Path(folder).iterdir() if each.is_file()]
        return {file.name.upper(): file.read_text(encoding="utf-8").strip() for file in files}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{SECRETS_DIR} names {folder!r}, whose files cannot be read: {error}.",
            "Each file is called like a setting, such as FOOTNOTE_STORE, and holds its value.",
        ) from error


def _toml() -> dict[str, Any]:
    if not _TOML.is_file():
        return {}
    try:
        return tomllib.loads(_TOML.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{_TOML} cannot be read: {error}.") from error


def _near(name: str, known: set[str]) -> str | None:
    """Return the setting that a name is likely meant for; the prefix is common to all and says nothing."""
    bare = {each.removeprefix(_PREFIX): each for each in sorted(known) if each.startswith(_PREFIX)}
    near = difflib.get_close_matches(name.removeprefix(_PREFIX), bare, n=1, cutoff=_LIKENESS)
    return bare[near[0]] if near else None
