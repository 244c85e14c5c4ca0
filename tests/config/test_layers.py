from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.layers import (
    HIDDEN,
    environment_layer,
    given_layer,
    keys_of,
    toml_layer,
    variable_of,
)
from operators.model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    size_min: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    endpoint: str = "x"
    paths: tuple[str, ...] = ()
    speed: float | None = None
    password: str = field(default="", repr=False)
    folder: Path = Path("state")
    inner: Inner = Inner()


KEYS = keys_of({"sample": Sample})


def test_keys_follow_nested_sections():
    assert [".".join(path) for path in KEYS] == [
        "sample.endpoint",
        "sample.paths",
        "sample.speed",
        "sample.password",
        "sample.folder",
        "sample.inner.size_min",
    ]
    assert [key.path[-1] for key in KEYS.values() if key.is_secret] == ["password"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("IFD_SAMPLE__PATHS", "a.dbn, b.dbn", ("a.dbn", "b.dbn")),
        ("IFD_SAMPLE__PATHS", '["a,b.dbn"]', ("a,b.dbn",)),
        ("IFD_SAMPLE__PATHS", "", ()),
        ("IFD_SAMPLE__SPEED", "2.5", 2.5),
        ("IFD_SAMPLE__SPEED", "none", None),
        ("IFD_SAMPLE__SPEED", "", None),
        ("IFD_SAMPLE__ENDPOINT", "1", "1"),
        ("IFD_SAMPLE__FOLDER", "here", Path("here")),
        ("IFD_SAMPLE__INNER__SIZE_MIN", " 4 ", 4),
        ("ifd_sample__endpoint", "lower", "lower"),
    ],
)
def test_text_becomes_the_type_of_its_key(name, text, value):
    (read,) = environment_layer({name: text}, KEYS).values()
    assert (read.value, read.origin) == (value, name)


def test_every_key_has_a_variable_that_means_it():
    for path in KEYS:
        assert list(environment_layer({variable_of(path): "1"}, KEYS)) == [path]


def test_a_list_that_is_no_json_is_refused():
    with pytest.raises(ConfigError, match=r"sample\.paths: expected a valid tuple"):
        environment_layer({"IFD_SAMPLE__PATHS": "[a"}, KEYS)


def test_a_secret_is_told_by_environment_only_and_never_shown(tmp_path):
    file = tmp_path / "base.toml"
    file.write_text("[sample]\npassword = 'hunter2'\n")
    with pytest.raises(ConfigError) as caught:
        toml_layer(file, KEYS, shown="base.toml")
    assert str(caught.value) == (
        "base.toml: sample.password: a secret; set IFD_SAMPLE__PASSWORD instead"
    )
    with pytest.raises(ConfigError) as caught:
        given_layer({"sample.password": 7}, KEYS, shown="command line")
    assert HIDDEN in str(caught.value)
    assert "7" not in str(caught.value)


def test_unreadable_files_are_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"^x: cannot be read: Is a directory$"):
        toml_layer(tmp_path, KEYS, shown="x")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"^x: not TOML: "):
        toml_layer(tmp_path / "bytes.toml", KEYS, shown="x")


def test_a_date_where_text_belongs_is_read_as_text(tmp_path):
    (tmp_path / "a.toml").write_text("[sample]\nendpoint = 2024-01-01\n")
    (value,) = toml_layer(tmp_path / "a.toml", KEYS, shown="a").values()
    assert value.value == "2024-01-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    symbols: tuple[str, ...] = ()
    port: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    feeds: dict[str, Feed] = field(default_factory=dict)


OBJECTS = keys_of({"live": Feeds})


@pytest.mark.parametrize(
    "variables",
    [
        {"IFD_LIVE__FEEDS__GLBX__SYMBOLS": "A,B", "IFD_LIVE__FEEDS__GLBX__PORT": "2"},
        {"IFD_LIVE__FEEDS": '{"glbx": {"symbols": ["A", "B"], "port": 2}}'},
        {"IFD_LIVE__FEEDS__GLBX": '{"symbols": ["A", "B"], "port": 2}'},
    ],
)
def test_a_table_of_objects_has_keys_below_the_users_name(variables):
    layer = environment_layer(variables, OBJECTS)
    assert {path: value.value for path, value in layer.items()} == {
        ("live", "feeds", "glbx", "symbols"): ("A", "B"),
        ("live", "feeds", "glbx", "port"): 2,
    }


def test_a_file_says_the_same(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text('[live.feeds.glbx]\nsymbols = ["A"]\n')
    layer = toml_layer(file, OBJECTS, shown="x.toml")
    assert layer["live", "feeds", "glbx", "symbols"].value == ("A",)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("IFD_LIVE__FEEDS__GLBX__PROT", "2", "did you mean IFD_LIVE__FEEDS__GLBX__PORT"),
        ("IFD_LIVE__FEEDS__GLBX__PORT", "x", "live.feeds.glbx.port: expected a valid integer"),
        ("IFD_LIVE__FEEDS", "glbx", "live.feeds: expected a table"),
        ("IFD_LIVE__FEEDS", '{"glbx": {"prot": 2}}', "did you mean live.feeds.glbx.port"),
    ],
)
def test_a_mistake_in_a_table_of_objects_names_the_key(name, text, said):
    with pytest.raises(ConfigError, match=said):
        environment_layer({name: text}, OBJECTS)
