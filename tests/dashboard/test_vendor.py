"""The libraries beside the page are those of the lock, with their licences, and nothing else is."""

import hashlib
import json
import re

import pytest

from sinks.relay.api.pages import FOLDER
from tests.flows import ROOT

pytestmark = pytest.mark.servers
VENDOR = FOLDER / "vendor"
LOCK = ROOT / "package-lock.json"


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_was_copied_is_there_unchanged_and_of_this_lock():
    if not VENDOR.is_dir():
        pytest.fail("the dashboard is not built: run `make dashboard`")
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    told = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert told.pop(LOCK.name) == sha256(LOCK), "another lock: run `make dashboard`"
    found = {path.name: sha256(path) for path in VENDOR.iterdir() if path.name != "SHA256SUMS"}
    assert found == told
    assert {name for name in found if name.startswith("LICENSE")} == {
        "LICENSE.lightweight-charts.txt",
        "LICENSE.uplot.txt",
    }


def test_the_lock_has_a_hash_for_each_package_and_no_address():
    # npm ci, which the files come from, refuses what does not have these hashes.
    packages = json.loads(LOCK.read_text())["packages"]
    chosen = {name: one for name, one in packages.items() if name}
    assert {"node_modules/lightweight-charts", "node_modules/uplot"} <= set(chosen)
    for one in chosen.values():
        assert one["integrity"].startswith("sha512-")
        assert "resolved" not in one
    assert "http" not in LOCK.read_text()


def test_the_page_names_whose_charts_they_are():
    page = (FOLDER / "index.html").read_text()
    assert 'href="https://www.tradingview.com/"' in page
    assert "attributionLogo: false" in (FOLDER / "chart.mjs").read_text()
    notice = (FOLDER / "NOTICE.txt").read_text()
    for name in re.findall(r"vendor/(LICENSE\S+\.txt)", notice):
        assert name in page
        assert (VENDOR / name).is_file()
