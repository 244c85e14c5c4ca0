"""What a newcomer meets first: the commands, the pages and the files around the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.layers import environment_layer
from config.settings import known_keys

ROOT = Path(__file__).resolve().parent.parent


def make(*words: str) -> str:
    return subprocess.run(
        ["/usr/bin/make", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.skipif(not Path("/usr/bin/make").exists(), reason="make is not at /usr/bin/make")
def test_make_alone_lists_every_target():
    listed = re.findall(r"^make ([a-z-]+) +\S", make(), re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert sorted(listed) == sorted(phony[1].split())
    assert len(listed) >= 8


def test_the_readme_opens_with_what_it_finds_and_the_two_commands():
    opening = (ROOT / "README.md").read_text()[:1_200]
    assert re.search(r"institution", opening.splitlines()[2])
    assert "make demo" in opening
    assert "make test" in opening


def test_every_entry_of_the_changelog_says_what_it_does_to_stores_and_signals():
    entries = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.search(r"recovery: (compatible|start fresh)", entry), entry
        assert re.search(r"signals: (unchanged|changed, because)", entry), entry


def test_the_compose_file_is_one():
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*checker, ROOT / "docker-compose.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", ["docker-compose.yml", "README.md", "CONTRIBUTING.md"])
def test_every_variable_that_a_page_names_is_a_setting(page):
    names = set(re.findall(r"\bIFD_[A-Z]\w*__\w+\b", (ROOT / page).read_text()))
    names -= {"IFD_SECTION__KEY", "IFD_KAFAK__BOOTSTRAP_SERVERS"}
    keys = known_keys()
    for name in names:
        assert "__" in name
        path = tuple(part.lower() for part in name.removeprefix("IFD_").split("__"))
        assert path in keys or path[:-1] in keys, f"{page} names {name}"
    assert environment_layer({}, keys) == {}


def test_ci_runs_the_gate_the_readmes_command_and_the_servers():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    steps = [found[1] for line in lines if (found := re.match(r"make ([\w-]+)\b", line))]
    assert steps == ["setup", "check", "test", "test-servers"]
