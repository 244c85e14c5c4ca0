import pytest
from fastapi import FastAPI

from sinks.relay.api.pages import Pages
from sinks.relay.api.problems import install
from tests.sinks.relay.api.asking import ask, problem


@pytest.fixture
def folder(tmp_path):
    """A built dashboard, and a secret beside it."""
    static = tmp_path / "static"
    (static / "vendor").mkdir(parents=True)
    (static / "vendor" / "chart.mjs").write_text("export const a = 1\n")
    (static / "index.html").write_text("<!doctype html><title>IFD</title>")
    (static / "main.mjs").write_text("export {}\n")
    (tmp_path / "secret.txt").write_text("secret")
    return static


def app(folder):
    found = FastAPI(openapi_url=None)
    install(found)
    found.mount("/", Pages(8765, folder))
    return found


def test_the_dashboard_is_served_with_a_strict_policy_and_asked_for_again_each_time(folder):
    answer = ask(app(folder), "/")
    assert answer.status_code == 200
    assert "<title>IFD" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; connect-src 'self' ws://localhost:8765")


def test_an_unchanged_file_is_not_sent_again(folder):
    first = ask(app(folder), "/main.mjs")
    assert "javascript" in first.headers["content-type"]
    again = ask(app(folder), "/main.mjs", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "target",
    [
        "/none.mjs",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/vendor/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/%00",
        "/" + "x" * 300,
        "/vendor",
        "/index.html/x",
        "//etc/passwd",
    ],
)
def test_what_is_not_in_the_folder_is_not_found(folder, target):
    answer = ask(app(folder), target)
    assert "secret" not in answer.text.replace(target, "")
    assert answer.status_code == 404
    problem(answer)


def test_a_link_out_of_the_folder_is_not_followed(folder):
    (folder / "out.txt").symlink_to(folder.parent / "secret.txt")
    assert ask(app(folder), "/out.txt").status_code == 404


@pytest.mark.parametrize("missing", ["vendor/chart.mjs", "index.html"])
def test_a_dashboard_that_is_not_built_says_how_to_build_it(folder, missing):
    (folder / missing).unlink()
    for target in ("/", "/index.html"):
        answer = ask(app(folder), target)
        assert answer.status_code == 200
        assert "make dashboard" in answer.text
        assert "content-security-policy" in answer.headers


def test_without_the_folder_only_that_page_is_there(tmp_path):
    assert "make dashboard" in ask(app(tmp_path / "none"), "/").text
    problem(ask(app(tmp_path / "none"), "/main.mjs"))
