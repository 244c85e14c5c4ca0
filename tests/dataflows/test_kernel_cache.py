import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from dataflows import kernel_cache
from dataflows.kernel_cache import use_kernel_cache

ROOT = Path(kernel_cache.__file__).resolve().parent.parent


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    """A project with one kernel, and a folder for compiled ones."""
    (tmp_path / "operators").mkdir()
    (tmp_path / "operators" / "book_kernel.py").write_text(
        "from numba import njit\nfrom operators import (\n    called,\n    other as o,\n)\n"
    )
    monkeypatch.setattr(kernel_cache, "_ROOT", tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", numba.config.CACHE_DIR)
    return tmp_path


def again(project: Path, monkeypatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(project / "kernels"))
    return use_kernel_cache()


@pytest.mark.parametrize("name", ["book_kernel", "called", "other", "beneath"])
def test_a_change_in_a_kernels_file_or_in_what_it_imports_is_another_folder(
    project, monkeypatch, name
):
    (project / "operators" / "called.py").write_text("import operators.beneath\n")
    first = use_kernel_cache()
    assert first == again(project, monkeypatch)
    with (project / "operators" / f"{name}.py").open("a") as file:
        file.write("b = 2\n")
    second = again(project, monkeypatch)
    assert first != second
    assert first.parent == second.parent == project / "kernels"


def test_a_change_elsewhere_is_the_same_folder(project, monkeypatch):
    first = use_kernel_cache()
    (project / "operators" / "book.py").write_text("from operators import book_kernel\n")
    assert again(project, monkeypatch) == first


def test_all_that_compiles_here_is_found():
    found = kernel_cache._kernel_sources()
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    kernels = {m for table in listed if table.get("ignore_errors") for m in table["module"]}
    assert len(kernels) > 10
    assert kernels <= set(found)
    assert "operators.model.evaluations" in found
    assert "connectors.dbn_file" not in found


def test_a_process_started_from_here_takes_the_same_folder(project):
    first = use_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == str(first)
    assert use_kernel_cache() == first


def test_what_was_unused_for_long_goes_and_what_is_not_ours_stays(project, monkeypatch):
    old, other = project / "kernels" / ("a" * 16), project / "kernels" / "other-program"
    for folder in (old, other):
        folder.mkdir(parents=True)
        os.utime(folder, times=(time.time() - 30 * 86_400,) * 2)
    use_kernel_cache()
    assert not old.exists()
    assert other.exists()


def test_a_place_that_cannot_be_made_is_passed_over(project, monkeypatch):
    (project / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(project / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(project))
    assert use_kernel_cache().parent.name == f"ifd-kernels-{os.getuid()}"


def test_a_folder_without_kernels_is_cold(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert kernel_cache.is_cold()
    (tmp_path / "operators").mkdir()
    assert kernel_cache.is_cold()
    (tmp_path / "operators" / "book.f-1.py311.nbi").write_text("")
    assert not kernel_cache.is_cold()


def test_numba_takes_the_folder():
    check = "assert numba.config.CACHE_DIR == os.environ['NUMBA_CACHE_DIR']"
    code = f"import os, dataflows, numba; {check}"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
