import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import (
    FOLDER,
    HANDED_OVER,
    NEUTRAL,
    OUTPUT_KEYS,
    OUTPUT_SECTIONS,
    PROFILES,
    known_keys,
    load_settings,
    origins,
    params_version,
    profile_of,
    sections,
)
from operators.model.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Profiles that say nothing, to be filled by a test."""
    where = tmp_path / "config"
    where.mkdir()
    for name in ("base", *PROFILES):
        (where / f"{name}.toml").write_text("")
    return where


def load(folder: Path, given=None, **environ: str):
    return load_settings(given, environ=environ, dotenv=folder.parent / ".env", folder=folder)


def refusal(folder: Path, given=None, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, given, **environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def origin_of(settings, key: str) -> str:
    return next(o.origin for o in origins(settings) if o.key == key)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_of_the_project_loads(profile):
    settings = load_settings(environ={"IFD_PROFILE": profile}, dotenv=Path("none"))
    assert profile_of(settings) == profile
    shown = {origin.key for origin in origins(settings)}
    assert shown >= {".".join(path) for path in known_keys()} - {"live.feeds"}
    assert len(shown) > 60


def test_the_development_profile_has_the_simulated_gateway():
    settings = load_settings(environ={"IFD_PROFILE": "development"}, dotenv=Path("none"))
    assert settings.live.feeds["glbx"].address == ("127.0.0.1", 13_000)
    others = [load_settings(environ={"IFD_PROFILE": name}) for name in PROFILES[1:]]
    assert not any(each.live.feeds for each in others)


def test_every_section_and_field_is_a_key():
    assert {key[0] for key in known_keys()} == set(sections())
    for name, cls in sections().items():
        ours = {key[1] for key in known_keys() if key[0] == name}
        # What the process finds out itself, such as a calendar or a calibration, is no setting.
        found_out = {key[1] for key in HANDED_OVER if key[0] == name} | {"calendar", "calibration"}
        assert {f.name for f in fields(cls)} - found_out == ours


def test_environment_rules_dotenv_rules_profile_rules_base(folder):
    steps = [origin_of(load(folder), "flow.shards")]
    (folder / "base.toml").write_text("[flow]\nshards = 2\n")
    steps.append(origin_of(load(folder), "flow.shards"))
    (folder / "development.toml").write_text("[flow]\nshards = 3\n")
    steps.append(origin_of(load(folder), "flow.shards"))
    (folder.parent / ".env").write_text("IFD_FLOW__SHARDS=4\n")
    steps.append(origin_of(load(folder), "flow.shards"))
    steps.append(origin_of(load(folder, IFD_FLOW__SHARDS="5"), "flow.shards"))
    settings = load(folder, {"flow.shards": 6}, IFD_FLOW__SHARDS="5")
    steps.append(origin_of(settings, "flow.shards"))
    assert steps == [
        "default",
        "config/base.toml",
        "config/development.toml",
        ".env: IFD_FLOW__SHARDS",
        "IFD_FLOW__SHARDS",
        "command line",
    ]
    assert settings.flow.shards == 6


def test_layers_merge_deeply(folder):
    (folder / "base.toml").write_text(
        "[flow]\nshards = 4\nroots = {ESH4 = 'ES', NQH4 = 'NQ'}\n[recovery]\npartitions = 7\n"
    )
    (folder / "production.toml").write_text("[flow.roots]\nNQH4 = 'MNQ'\n[recovery]\nepoch_s = 5\n")
    settings = load(folder, IFD_PROFILE="production", IFD_FLOW__ROOTS__esM4="ES")
    assert settings.flow.roots == {"ESH4": "ES", "NQH4": "MNQ", "esM4": "ES"}
    assert (settings.recovery.partitions, settings.recovery.epoch_s) == (7, 5.0)
    assert origin_of(settings, "flow.roots") == (
        "config/base.toml, config/production.toml, IFD_FLOW__ROOTS__esM4"
    )


def test_profile_may_stand_in_dotenv(folder):
    (folder.parent / ".env").write_text("IFD_PROFILE=staging\n")
    assert profile_of(load(folder)) == "staging"
    assert profile_of(load(folder, IFD_PROFILE="production")) == "production"
    (folder.parent / ".env").write_text("IFD_PROFILE=prod\n")
    assert refusal(folder) == (
        ".env: IFD_PROFILE: expected one of development, staging, production, found 'prod'"
    )


def test_a_table_of_a_command_line_joins_the_others(folder):
    settings = load(folder, {"flow.roots": {"ESH4": "X"}}, IFD_FLOW__ROOTS__NQH4="NQ")
    assert settings.flow.roots == {"ESH4": "X", "NQH4": "NQ"}


def test_tables_and_lists_are_read_from_a_variable(folder):
    for text in ('{"ES": 1, "NQ": 2}', "ES=1,NQ=2"):
        settings = load(folder, IFD_FLOW__SHARDS="3", IFD_FLOW__SHARD_OVERRIDES=text)
        assert settings.flow.shard_overrides == {"ES": 1, "NQ": 2}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("IFD_FLOOW__SHARDS", "1", "no such setting; did you mean IFD_FLOW__SHARDS?"),
        ("IFD_FLOW__SHARD", "1", "no such setting; did you mean IFD_FLOW__SHARDS?"),
        ("IFD_FLOW_SHARDS", "1", "no such setting; did you mean IFD_FLOW__SHARDS?"),
        ("IFD_FLOW__SHARDS__X", "1", "no such setting; did you mean IFD_FLOW__SHARDS?"),
        ("IFD_FLOW__SHARDS", "many", 'flow.shards: expected a valid integer, found "many"'),
        ("IFD_FLOW__SHARDS", "0", "flow.shards must be from 1 to 1000, was 0"),
        ("IFD_RECOVERY__EPOCH_S", "nan", "recovery.epoch_s must be more than 0, was nan"),
        (
            "IFD_FLOW__SHARD_OVERRIDES__ES",
            "4",
            "flow.shard_overrides.ES must be from 0 to 0, was 4",
        ),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(folder, variable, value, said):
    assert refusal(folder, **{variable: value}) == f"{variable}: {said}"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[floww]\nshards = 1", "floww.shards: no such setting; did you mean flow.shards?"),
        ("[flow]\nshard = 1", "flow.shard: no such setting; did you mean flow.shards?"),
        ("shards = 1", "shards: no such setting; did you mean flow.shards?"),
        ("[flow]\nshards = '1'", 'flow.shards: expected a valid integer, found "1"'),
        ("[flow]\nshards = true", "flow.shards: expected a valid integer, found true"),
        ("[flow.shards]\nx = 1", 'flow.shards: expected a valid integer, found {"x": 1}'),
        ("[flow]\nroots = 3", "flow.roots: expected an object, found 3"),
        ("[flow]\nshards = 0", "flow.shards must be from 1 to 1000, was 0"),
        ("[recovery]\nepoch_s = -1", "recovery.epoch_s must be more than 0, was -1.0"),
        ("flow", "not TOML: Expected '=' after a key in a key/value pair (at end of document)"),
    ],
)
def test_a_wrong_file_is_named_in_one_line(folder, toml, said):
    (folder / "base.toml").write_text(toml)
    assert refusal(folder) == f"config/base.toml: {said}"


def test_a_missing_profile_file_is_named(folder):
    (folder / "staging.toml").unlink()
    assert refusal(folder, IFD_PROFILE="staging") == (
        "config/staging.toml: cannot be read: No such file or directory"
    )


def test_a_wrong_key_of_a_command_is_named(folder):
    assert refusal(folder, {"flow.shard": 1}) == (
        "command line: flow.shard: no such setting; did you mean flow.shards?"
    )


def test_settings_are_frozen(folder):
    with pytest.raises(ValueError, match="frozen"):
        load(folder).flow = None


def test_other_variables_of_the_environment_are_not_ours(folder):
    assert load(folder, PATH="/bin", IFD_REAL_DATA="/data", BYTEWAX_WORKERS_PER_PROCESS="1")


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_variable_is_a_setting_or_one_clear_line(name, value):
    said = ""
    try:
        load_settings(environ={f"IFD_{name}": value}, dotenv=Path("none"))
    except ConfigError as error:
        said = str(error)
    assert said.startswith(f"IFD_{name}: ") or not said


def test_version_of_parameters_is_of_what_can_change_an_output(folder):
    plain = params_version(load(folder))
    assert plain == params_version(load(folder))
    assert len(plain) == 12
    assert plain == params_version(load(folder, IFD_FLOW__SHARDS="9"))
    assert plain != params_version(load(folder, IFD_FLOW__ROOTS="ESH4=X"))
    assert plain == params_version(load(folder, IFD_BOOK__ROWS_MAX="4096"))
    assert plain != params_version(load(folder, IFD_BOOK__INSTRUMENTS_MAX="7"))
    chain = (FOLDER.parent / "dataflows" / "chain.py").read_text()
    steps = re.findall(r'"(\w+)": Step\(', chain)
    assert list(OUTPUT_SECTIONS) == steps
    assert set(OUTPUT_SECTIONS) <= set(sections())
    assert set(known_keys()) >= NEUTRAL | OUTPUT_KEYS


def test_the_retired_method_of_the_library_is_a_section(folder):
    assert load(folder, IFD_VALIDATE__SIZE_MAX="9").validate.size_max == 9


def test_the_folder_of_profiles_is_complete():
    assert {p.stem for p in FOLDER.glob("*.toml")} >= {"base", *PROFILES}


def test_the_vendors_own_variable_gives_the_key(folder):
    key = "db-0123456789"
    assert load(folder, DATABENTO_API_KEY=key).live.key == key
    assert load(folder, DATABENTO_API_KEY=key, IFD_LIVE__KEY="db-mine").live.key == "db-mine"
    (folder.parent / ".env").write_text(f"DATABENTO_API_KEY={key}\n")
    settings = load(folder)
    assert settings.live.key == key
    assert origin_of(settings, "live.key") == ".env: DATABENTO_API_KEY"
    assert key not in repr(settings)
    assert key not in str(origins(settings))


def test_a_feed_has_its_settings_under_its_name(folder):
    settings = load(folder, IFD_LIVE__FEEDS__GLBX__SYMBOLS="ES.FUT,NQ.FUT")
    assert settings.live.feeds["glbx"].symbols == ("ES.FUT", "NQ.FUT")
    assert origin_of(settings, "live.feeds.glbx.symbols") == "IFD_LIVE__FEEDS__GLBX__SYMBOLS"
    said = refusal(folder, IFD_LIVE__FEEDS__GLBX__PORT="5")
    assert said.startswith("IFD_LIVE__FEEDS__GLBX__PORT: live.feeds.glbx.symbols must name")
