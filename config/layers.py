"""Where settings come from: TOML files, .env and environment, each value with its origin.

A key is a path of names, `("kafka", "topic_prefix")`: section and field, then a name of the user's
own where the field is a table. Every layer is checked against the schema, so that a misspelt name
is refused wherever it stands, with the nearest known one.
"""

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints

from dotenv import dotenv_values
from pydantic import SecretStr, TypeAdapter, ValidationError

from operators.model.errors import ConfigError

PREFIX: Final = "IFD_"
DELIMITER: Final = "__"
PROFILE: Final = "IFD_PROFILE"
OTHER_VARIABLES: Final = frozenset({PROFILE, "IFD_REAL_DATA", "IFD_HYPOTHESIS"})
"""Names with our prefix that are no settings: the profile, and what tests read."""

KeyPath = tuple[str, ...]
HIDDEN: Final = "********"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: its type, its default and whether it is a secret."""

    path: KeyPath
    type: Any
    default: object
    is_secret: bool

    @property
    def is_table(self) -> bool:
        """True if the user chooses names below it."""
        return get_origin(self.type) is dict

    @property
    def entry(self) -> Any:
        """Config class of the entries of a table of objects, whose fields are keys; else None."""
        cls = get_args(self.type)[1] if self.is_table else None
        return cls if is_dataclass(cls) else None


@dataclass(frozen=True, slots=True)
class Value:
    """What one layer says about one key."""

    value: object
    origin: str


Layer = dict[KeyPath, Value]


def keys_of(
    sections: Mapping[str, Any], handed_over: Collection[KeyPath] = (), at: KeyPath = ()
) -> dict[KeyPath, Key]:
    """Every key of the sections below `at`, by path, but those that the process hands over."""
    found = (key for name, cls in sections.items() for key in _keys((*at, name), cls))
    return {key.path: key for key in found if key.path not in handed_over}


def _keys(path: KeyPath, cls: Any) -> Iterator[Key]:
    hints = get_type_hints(cls)
    for item in fields(cls):
        hint = hints[item.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield from _keys((*path, item.name), hint)
            continue
        is_table = get_origin(hint) is dict
        if not is_table and any(is_dataclass(option) for option in get_args(hint)):
            continue  # Handed over by the process that has it, such as a calendar: no setting.
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        yield Key((*path, item.name), hint, default, not item.repr or hint is SecretStr)


def toml_layer(file: Path, keys: Mapping[KeyPath, Key], *, shown: str) -> Layer:
    """Values of a TOML file, typed strictly. Raises ConfigError."""
    try:
        tables = tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown}: not TOML: {error}") from error
    layer: Layer = {}
    for path, value in _leaves((), tables, keys):
        key = _key(path, keys, origin=shown, name=".".join(path))
        if key.is_secret:
            variable = variable_of(key.path)
            raise ConfigError(f"{shown}: {'.'.join(path)}: a secret; set {variable} instead")
        layer |= _values(key, path, value, shown, is_text=False)
    return layer


def environment_layer(
    variables: Mapping[str, str | None], keys: Mapping[KeyPath, Key], *, shown: str = ""
) -> Layer:
    """Values of variables with our prefix, read from text. Raises ConfigError."""
    layer: Layer = {}
    for name, text in sorted(variables.items()):
        if not name.upper().startswith(PREFIX) or name.upper() in OTHER_VARIABLES or text is None:
            continue
        origin = f"{shown}{name}"
        path = _path(name, keys)
        key = _key(path, keys, origin=origin, name=name)
        layer |= _values(key, path, text, origin, is_text=True)
    return layer


def dotenv_layer(file: Path, keys: Mapping[KeyPath, Key]) -> Layer:
    """Values of a .env file, as of the environment. A missing file says nothing."""
    if not file.is_file():
        return {}
    return environment_layer(dotenv_values(file), keys, shown=f"{file.name}: ")


def given_layer(given: Mapping[str, object], keys: Mapping[KeyPath, Key], *, shown: str) -> Layer:
    """Values given for dotted keys, such as `{"flow.shards": 4}`. Raises ConfigError."""
    layer: Layer = {}
    for name, value in given.items():
        path = tuple(name.split("."))
        key = _key(path, keys, origin=shown, name=name)
        layer |= _values(key, path, value, shown, is_text=False)
    return layer


def variable_of(path: KeyPath) -> str:
    """Name of the environment variable of a key."""
    return PREFIX + DELIMITER.join(path).upper()


def _values(key: Key, path: KeyPath, value: object, origin: str, *, is_text: bool) -> Layer:
    """The value under its path; what a whole table holds, under the paths of its names."""
    if key.entry is not None:
        return _objects(key, path, value, origin)
    typed = _typed(key, path, value, origin, is_text=is_text)
    if path == key.path and isinstance(typed, dict):
        return {(*path, name): Value(entry, origin) for name, entry in typed.items()}
    return {path: Value(typed, origin)}


def _objects(key: Key, path: KeyPath, value: object, origin: str) -> Layer:
    """A table of objects, or one of its entries, given as a whole: JSON, or a dict."""
    tables = value
    if isinstance(value, str):
        try:
            tables = json.loads(value)
        except ValueError:
            tables = None
    if not isinstance(tables, dict):
        raise ConfigError(f"{origin}: {'.'.join(path)}: expected a table, found {value!r}")
    layer: Layer = {}
    for name, below in tables.items():
        here = (*path, str(name))
        member = _key(here, {key.path: key}, origin=origin, name=".".join(here))
        layer |= _values(member, here, below, origin, is_text=False)
    return layer


def _leaves(path: KeyPath, tables: Mapping[str, Any], keys: Mapping[KeyPath, Key]) -> Iterator[Any]:
    for name, value in tables.items():
        here = (*path, name)
        if isinstance(value, dict) and not (here in keys and not keys[here].is_table):
            yield from _leaves(here, value, keys)
        else:
            yield here, value


def _path(name: str, keys: Mapping[KeyPath, Key]) -> KeyPath:
    """The key a variable means: names in any case, but those the user chose as they stand."""
    parts = name[len(PREFIX) :].split(DELIMITER)
    for length in range(len(parts), 0, -1):
        head = tuple(part.lower() for part in parts[:length])
        if head in keys:
            # Where fields follow the user's name, that too is written small.
            of_objects = keys[head].entry is not None
            return (*head, *(part.lower() if of_objects else part for part in parts[length:]))
    return tuple(part.lower() for part in parts)


def _key(path: KeyPath, keys: Mapping[KeyPath, Key], *, origin: str, name: str) -> Key:
    if path in keys:
        return keys[path]
    if path[:-1] in keys and keys[path[:-1]].is_table:
        return keys[path[:-1]]
    keys = {**keys, **_members(path, keys)}
    if path in keys:
        return keys[path]
    is_variable = name.upper().startswith(PREFIX)
    known = [variable_of(k) if is_variable else ".".join(k) for k in keys]
    near = get_close_matches(name.upper() if is_variable else name, known, n=1, cutoff=0.5)
    where = origin if is_variable else f"{origin}: {name}"
    sections = ", ".join(dict.fromkeys(k[0] for k in keys))
    hint = f"did you mean {near[0]}?" if near else f"the sections are {sections}"
    raise ConfigError(f"{where}: no such setting; {hint}")


def _members(path: KeyPath, keys: Mapping[KeyPath, Key]) -> Mapping[KeyPath, Key]:
    """Keys of the entry of a table of objects that `path` lies in, if it does."""
    table = keys.get(path[:-2])
    if table is None or table.entry is None:
        return {}
    return keys_of({path[-2]: table.entry}, at=path[:-2])


def _typed(key: Key, path: KeyPath, value: object, origin: str, *, is_text: bool) -> object:
    """The value as the key's type. Files are typed strictly, text is read."""
    kind = key.type
    if key.is_table and path != key.path:
        kind = get_args(kind)[1]
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    try:
        if is_text:
            return adapter.validate_python(_read(str(value), kind))
        return adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {'.'.join(path)}: {_said(error, value, key)}") from None


def _read(text: str, kind: Any) -> object:
    """Text of a variable: JSON for a list or table, or items with commas; `none` for None."""
    if NoneType in get_args(kind) and text.lower() in {"", "none"}:
        return None
    if get_origin(kind) not in {tuple, list, dict, set, frozenset}:
        return text
    if text.startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError:
            return text
    if get_origin(kind) is dict:
        return dict(item.partition("=")[::2] for item in text.split(",") if item)
    return [item.strip() for item in text.split(",") if item.strip()]


def _said(error: ValidationError, value: object, key: Key) -> str:
    first = error.errors(include_url=False)[0]
    found = HIDDEN if key.is_secret else json.dumps(value, default=str)
    said = first["msg"].replace("Input should be", "expected", 1).removeprefix("Value error, ")
    said = said.partition(", unable to parse")[0]
    place = "".join(f"[{step}] " for step in first["loc"])
    return f"{place}{said}, found {found}"
