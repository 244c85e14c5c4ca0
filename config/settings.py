"""All settings of a process, in one frozen object: environment over .env over profile over base.

A section is the config class of a component; this module only puts them together. It is imported by
`dataflows` and by process entry points, never by a component.
"""

import hashlib
import json
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_type_hints

from dotenv import dotenv_values
from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.layers import (
    HIDDEN,
    PROFILE,
    Key,
    KeyPath,
    Layer,
    Value,
    dotenv_layer,
    environment_layer,
    given_layer,
    keys_of,
    toml_layer,
)
from config.sections import ClusterConfig, FlowConfig, RecoveryConfig, SourceConfig
from connectors.databento.history_config import HistoryConfig
from connectors.databento.live_config import LiveConfig
from connectors.tape.config import TapeConfig
from operators.analyze_config import AnalyzeConfig
from operators.baseline_config import BaselineConfig
from operators.book_config import BookConfig
from operators.detect_config import DetectConfig
from operators.model.errors import ConfigError
from operators.outcome_config import OutcomeConfig
from operators.pressure_config import PressureConfig
from operators.validate_config import ValidateConfig
from sinks.alerts.config import AlertsConfig
from sinks.bars_config import BarsConfig
from sinks.kafka_config import KafkaConfig
from sinks.relay.api.config import HttpConfig
from sinks.relay.config import RelayConfig
from sinks.relay.push_config import PushConfig
from sinks.store_config import StoreConfig

FOLDER: Final = Path(__file__).parent
PROFILES: Final = ("development", "staging", "production")
DEFAULT: Final = "default"
VENDORS_KEY: Final = "DATABENTO_API_KEY"


class Settings(BaseSettings):
    """The sections. Build it with `load_settings`; every value has an origin."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: SourceConfig = SourceConfig()
    live: LiveConfig = LiveConfig()
    history: HistoryConfig = HistoryConfig()
    tape: TapeConfig = TapeConfig()
    flow: FlowConfig = FlowConfig()
    recovery: RecoveryConfig = RecoveryConfig()
    cluster: ClusterConfig = ClusterConfig()
    validation: ValidateConfig = Field(default=ValidateConfig(), alias="validate")
    book: BookConfig = BookConfig()
    pressure: PressureConfig = PressureConfig()
    baseline: BaselineConfig = BaselineConfig()
    detect: DetectConfig = DetectConfig()
    analyze: AnalyzeConfig = AnalyzeConfig()
    outcome: OutcomeConfig = OutcomeConfig()
    kafka: KafkaConfig = KafkaConfig()
    alerts: AlertsConfig = AlertsConfig()
    push: PushConfig = PushConfig()
    store: StoreConfig = StoreConfig()
    bars: BarsConfig = BarsConfig()
    relay: RelayConfig = RelayConfig()
    http: HttpConfig = HttpConfig()

    _origins: dict[KeyPath, str] = PrivateAttr(default_factory=dict)
    _profile: str = PrivateAttr(default=PROFILES[0])

    @property
    def validate(self) -> ValidateConfig:  # type: ignore[override]
        """The section of the step `validate`: pydantic keeps the name for a retired method."""
        return self.validation

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - names given by pydantic-settings
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` hands over.

        pydantic-settings' own sources overlook a misspelt section, lower the case of a root's name
        and cannot say where a value came from, so the layers are read in `config.layers`.
        """
        return (init_settings,)


HANDED_OVER: Final = frozenset(
    {
        ("kafka", "generation"),
        ("kafka", "generation_ts_ms"),
        ("push", "generation"),
        ("push", "generation_ts_ms"),
        ("analyze", "params"),
    }
)
"""Fields of config classes that are no settings: the process finds them out."""
OUTPUT_SECTIONS: Final = (
    *("validate", "book", "pressure", "baseline", "detect", "analyze", "outcome"),
)
"""Sections that can change an output: they make the version of the parameters."""
NEUTRAL: Final = frozenset(
    {("book", "rows_max"), ("book", "levels_published"), ("pressure", "publish")}
)
"""Keys of these that change no event stream: how the work is cut, and what else is published."""
OUTPUT_KEYS: Final = frozenset({("flow", "roots")})
"""Keys of other sections that change what comes out."""
OUTPUT_FILES: Final = ("calendar.toml", "products.toml", "calibration.json")
"""Data that changes what comes out, in the folder of the profiles."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One key as it is in force."""

    key: str
    value: object
    """As JSON would have it; HIDDEN for a secret that is set."""
    origin: str
    """File, variable, `command line` or `default`."""


def sections() -> dict[str, Any]:
    """Section name → config class, in the order of the class."""
    return {f.alias or name: f.annotation for name, f in Settings.model_fields.items()}


@cache
def known_keys() -> dict[KeyPath, Key]:
    """Every key there is, by path."""
    return keys_of(sections(), HANDED_OVER)


def load_settings(
    given: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    dotenv: Path = Path(".env"),
    folder: Path = FOLDER,
) -> Settings:
    """The settings in force.

    Args:
        given: Dotted key → value from a command line; over everything else.
        environ: Instead of the process's environment.
        dotenv: File of variables; may be missing.
        folder: Where base.toml and the profiles are.

    Raises:
        ConfigError: One line with origin, key, what was expected and found.
    """
    variables = os.environ if environ is None else environ
    keys = known_keys()
    profile = _profile_of(variables, dotenv)
    merged: Layer = {}
    for name in ("base", profile):
        file = folder / f"{name}.toml"
        merged |= toml_layer(file, keys, shown=f"{folder.name}/{file.name}")
    merged |= _vendors_key(dotenv_values(dotenv) if dotenv.is_file() else {}, f"{dotenv.name}: ")
    merged |= dotenv_layer(dotenv, keys)
    merged |= _vendors_key(variables)
    merged |= environment_layer(variables, keys)
    merged |= given_layer(given or {}, keys, shown="command line")
    settings = Settings(**{name: _built((name,), cls, merged) for name, cls in sections().items()})
    settings._origins = {path: value.origin for path, value in merged.items()}
    settings._profile = profile
    return settings


def profile_of(settings: Settings) -> str:
    """Name of the profile the settings were loaded with."""
    return settings._profile


def origins(settings: Settings) -> list[Origin]:
    """Every key with its value and where that comes from, in the order of the sections."""
    return [
        Origin(".".join(path), _shown(key, _value(settings, path)), _origin(settings, path))
        for path, key in _keys_in_use(settings).items()
    ]


def _keys_in_use(settings: Settings) -> dict[KeyPath, Key]:
    """Every key, and in place of a table of objects that holds any those of its entries."""
    found: dict[KeyPath, Key] = {}
    for path, key in known_keys().items():
        names = _value(settings, path) if key.entry is not None else ()
        for name in names:
            found |= keys_of({name: key.entry}, at=path)
        if not names:
            found[path] = key
    return found


def params_version(settings: Settings) -> str:
    """Names everything in the settings that can change an output: 12 hexadecimal digits."""
    return _named(_relevant(settings, OUTPUT_SECTIONS) | _files())


def section_version(settings: Settings, section: str) -> str:
    """As `params_version`, for one section of these, with the data that any may depend on."""
    return _named(_relevant(settings, (section,)) | _files())


def _relevant(settings: Settings, names: Collection[str]) -> dict[str, object]:
    return {
        ".".join(path): _value(settings, path)
        for path in known_keys()
        if path in OUTPUT_KEYS or (path[0] in names and path not in NEUTRAL)
    }


def _files() -> dict[str, object]:
    found: dict[str, object] = {}
    for name in OUTPUT_FILES:
        file = FOLDER / name
        if file.suffix == ".toml":
            found[name] = tomllib.loads(file.read_text())
        elif file.is_file():
            found[name] = file.read_text()
    return found


def _named(relevant: Mapping[str, object]) -> str:
    text = json.dumps(relevant, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _vendors_key(variables: Mapping[str, str | None], shown: str = "") -> Layer:
    """Databento's key under the name that its own clients read."""
    key = variables.get(VENDORS_KEY)
    return {("live", "key"): Value(key, f"{shown}{VENDORS_KEY}")} if key else {}


def _profile_of(variables: Mapping[str, str], dotenv: Path) -> str:
    profile, origin = variables.get(PROFILE), PROFILE
    if profile is None and dotenv.is_file():
        profile, origin = dotenv_values(dotenv).get(PROFILE), f"{dotenv.name}: {PROFILE}"
    if profile is None:
        return PROFILES[0]
    if profile not in PROFILES:
        raise ConfigError(f"{origin}: expected one of {', '.join(PROFILES)}, found {profile!r}")
    return profile


def _built(path: KeyPath, cls: Any, merged: Layer) -> Any:
    """The config object of a section, from the values given for it and its own defaults."""
    arguments: dict[str, Any] = {}
    hints = get_type_hints(cls)
    for item in fields(cls):
        here = (*path, item.name)
        if here not in known_keys() and not is_dataclass(hints[item.name]):
            continue
        if is_dataclass(hints[item.name]):
            arguments[item.name] = _built(here, hints[item.name], merged)
        elif (entry := known_keys()[here].entry) is not None:
            names = sorted({p[len(here)] for p in merged if p[: len(here)] == here})
            arguments[item.name] = {name: _entry((*here, name), entry, merged) for name in names}
        elif known_keys()[here].is_table:
            below = {p[-1]: v.value for p, v in merged.items() if p[:-1] == here}
            if below:
                default = known_keys()[here].default
                arguments[item.name] = {**(default if isinstance(default, dict) else {}), **below}
        elif here in merged:
            arguments[item.name] = merged[here].value
    return _accepted(path, cls, arguments, merged)


def _entry(path: KeyPath, cls: Any, merged: Layer) -> Any:
    """One object of a table of objects, from the values given for it and its own defaults."""
    arguments = {p[-1]: value.value for p, value in merged.items() if p[:-1] == path}
    return _accepted(path, cls, arguments, merged)


def _accepted(path: KeyPath, cls: Any, arguments: dict[str, Any], merged: Layer) -> Any:
    try:
        return cls(**arguments)
    except (ValueError, TypeError) as error:
        raise ConfigError(_refusal(path, str(error), merged)) from error


def _refusal(path: KeyPath, said: str, merged: Layer) -> str:
    """A component's refusal, with the origin of the field it names."""
    given = {p: v.origin for p, v in merged.items() if p[: len(path)] == path}
    named = [
        origin for p, origin in given.items() if p[len(path)] in said.replace(".", " ").split()
    ]
    origin = (named or list(given.values()) or [DEFAULT])[0]
    return f"{origin}: {'.'.join(path)}.{said}"


def _value(settings: Settings, path: KeyPath) -> Any:
    value: Any = settings
    for name, f in Settings.model_fields.items():
        if (f.alias or name) == path[0]:
            value = getattr(settings, name)
    for name in path[1:]:
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value


def _shown(key: Key, value: object) -> object:
    if key.is_secret:
        return HIDDEN if value else ""
    return json.loads(json.dumps(value, default=str))


def _origin(settings: Settings, path: KeyPath) -> str:
    found = settings._origins
    below = [origin for p, origin in found.items() if p[: len(path)] == path]
    return ", ".join(dict.fromkeys(below)) or DEFAULT
