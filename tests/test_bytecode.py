"""Where bytecode is kept, and that what a sweep starts finds it there.

Torch, Ray and the others are small packages of the same names, where the test does not say that they are the real ones.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from kdtune import bytecode

Python = Callable[..., str]

SAYS_PLACE = "import sys; print(sys.pycache_prefix, sys.dont_write_bytecode)"
KEEPS = "from kdtune.bytecode import *; keep_bytecode(); compile_once(); " + SAYS_PLACE
COMPILING = "compiling Python modules once for this machine …"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder of packages that bear the names of those that a sweep imports."""
    site = tmp_path / "site"
    for name in bytecode._IMPORTED:
        if name != "kdtune":
            for module in ("__init__.py", "part/inner.py", "testing/long.py"):
                file = site / name.replace(".", "/") / module
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("x = 1\n")
            (site / name.partition(".")[0] / "__init__.py").touch()
    (site / "torch-1.dist-info").mkdir()
    return site


@pytest.fixture
def python(site: Path, tmp_path: Path) -> Python:
    """Return a function that runs code, where Python keeps no bytecode, and returns all that it says."""

    def run(code: str, *arguments: str, **variables: str) -> str:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPYCACHEPREFIX"},
            "PYTHONPATH": str(site),
            "PYTHONDONTWRITEBYTECODE": "1",
            "KDTUNE_CACHE": str(tmp_path / "cache"),
            **variables,
        }
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        return done.stdout

    return run


def kept(folder: Path) -> list[str]:
    """Return the modules whose bytecode a folder holds, as `package/module`."""
    return sorted(f"{file.parent.name}/{file.name.split('.')[0]}" for file in folder.rglob("*.pyc"))


def place(tmp_path: Path) -> Path:
    """Return the one folder in the cache that holds bytecode."""
    (environment,) = (tmp_path / "cache" / "bytecode").iterdir()
    (folder,) = environment.iterdir()
    return folder


def test_it_is_kept_in_the_cache_where_python_keeps_none(python: Python, site: Path, tmp_path: Path) -> None:
    said, again = python(KEEPS), python(KEEPS)
    folder = place(tmp_path)
    assert said.splitlines() == [COMPILING, f"{folder} False"]
    assert again.splitlines() == [f"{folder} False"]
    found = kept(folder)
    assert {"torch/__init__", "part/inner", "kdtune/cli"} <= set(found)
    assert "testing/long" not in found
    assert kept(site) == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_person_at_a_terminal_is_told_how_far_it_is(python: Python, site: Path) -> None:
    in_terminal = "import pty, sys; pty.spawn([sys.executable, '-c', *sys.argv[1:]])"
    said = python(in_terminal, "import kdtune.bytecode; kdtune.bytecode._SILENCE = 0; " + KEEPS)
    first, *told, _ = said.splitlines()
    assert first == COMPILING
    percents = [int(line.removesuffix(" % compiled")) for line in told]
    assert len(percents) > 3
    assert percents == sorted(percents)
    assert 0 < percents[0] < 50 < percents[-1] <= 100


def test_it_is_kept_beside_the_modules_where_python_keeps_it(
    python: Python, site: Path, tmp_path: Path
) -> None:
    said = python(KEEPS, PYTHONDONTWRITEBYTECODE="")
    assert said.splitlines() == [COMPILING, "None False"]
    assert (site / "torch" / "part" / "__pycache__").is_dir()
    # It is read there too: nothing is left to keep elsewhere.
    assert python(KEEPS).splitlines() == ["None True"]
    assert not (tmp_path / "cache" / "bytecode").exists()


def test_where_the_modules_cannot_be_written_it_is_kept_in_the_cache(python: Python, tmp_path: Path) -> None:
    read_only = "import os; os.access = lambda path, mode, may=os.access: 'site' not in str(path) and may(path, mode); "
    said = python(read_only + KEEPS, PYTHONDONTWRITEBYTECODE="")
    assert said.splitlines() == [COMPILING, f"{place(tmp_path)} False"]


def test_stale_bytecode_is_none(python: Python, site: Path, tmp_path: Path) -> None:
    python(KEEPS, PYTHONDONTWRITEBYTECODE="")
    assert python(KEEPS) == "None True\n"
    source = site / "ray" / "__init__.py"
    os.utime(source, (1_000_000, 1_000_000))
    assert python(KEEPS).splitlines() == [COMPILING, f"{place(tmp_path)} False"]


def test_bytecode_that_is_checked_by_content_has_no_date(python: Python, site: Path, tmp_path: Path) -> None:
    sources = [str(site / name / "__init__.py") for name in bytecode._HEAVY]
    compiled = (
        "import py_compile, sys; [py_compile.compile(file, invalidation_mode=MODE) for file in sys.argv[1:]]"
    )
    python(compiled.replace("MODE", "py_compile.PycInvalidationMode.UNCHECKED_HASH"), *sources)
    os.utime(sources[0], (1_000_000, 1_000_000))
    assert python(KEEPS) == "None True\n"


def test_the_place_that_the_user_chose_is_respected(python: Python, site: Path, tmp_path: Path) -> None:
    chosen = str(tmp_path / "chosen")
    assert python(KEEPS, PYTHONPYCACHEPREFIX=chosen).splitlines() == [f"{chosen} True"]
    said = python(KEEPS, PYTHONPYCACHEPREFIX=chosen, PYTHONDONTWRITEBYTECODE="")
    assert said.splitlines() == [COMPILING, f"{chosen} False"]
    assert "torch/__init__" in kept(Path(chosen))
    assert not (tmp_path / "cache" / "bytecode").exists()


def test_a_cache_that_cannot_be_written_changes_nothing(python: Python, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert python(KEEPS, KDTUNE_CACHE=str(tmp_path / "file" / "cache")).splitlines() == ["None True"]
    chosen = str(tmp_path / "file" / "chosen")
    said = python(KEEPS, PYTHONPYCACHEPREFIX=chosen, PYTHONDONTWRITEBYTECODE="")
    assert said.splitlines() == [f"{chosen} False"]


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        (0o777, "None True"),
        (0o775, "None True"),
        (0o755, f"{COMPILING} * False"),
        (0o1777, f"{COMPILING} * False"),
    ],
)
def test_a_cache_that_others_can_write_is_not_used(python: Python, mode: int, found: str) -> None:
    """Bytecode is code: who can put it there can run it."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others as a whole
        Path(name).chmod(0o755)
        shared = Path(name, "shared")
        shared.mkdir()
        shared.chmod(mode)
        assert fnmatch(" ".join(python(KEEPS, KDTUNE_CACHE=str(shared / "cache")).split()), found)


def test_a_cache_of_somebody_else_is_not_used(python: Python) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        if not os.geteuid():
            os.chown(name, 1234, -1)  # what is root's is trusted
        other = "import os; os.geteuid = lambda: 12345; "
        assert python(other + KEEPS, KDTUNE_CACHE=name) == "None True\n"


def test_after_an_installation_it_is_compiled_anew(python: Python, site: Path, tmp_path: Path) -> None:
    python(KEEPS)
    before = place(tmp_path)
    (site / "torch-1.dist-info").rename(site / "torch-2.dist-info")
    assert COMPILING in python(KEEPS)
    assert place(tmp_path) != before


def test_a_command_keeps_what_it_imports_and_so_does_its_driver(python: Python, tmp_path: Path) -> None:
    """Here the packages are the real ones, but for those that take long: there the driver ends."""
    heavy = tmp_path / "heavy"
    for name in bytecode._HEAVY:
        (heavy / name).mkdir(parents=True)
        (heavy / name / "__init__.py").touch()
    code = """
import sys
import kdtune.bytecode
kdtune.bytecode.compile_once = list  # what is not compiled beforehand shows who imported it
from kdtune.cli import main
sys.exit(main(sys.argv[1:]))
"""
    python(code, "search", PYTHONPATH=str(heavy))
    assert {"kdtune/launch", "sweep/driver"} <= set(kept(place(tmp_path)))


def test_processes_that_ray_starts_find_it_and_who_called_goes_on_as_before(
    python: Python, tmp_path: Path
) -> None:
    code = """
import os, sys
import kdtune.bytecode
kdtune.bytecode.compile_once = list  # all of torch and Ray takes some seconds
kdtune.bytecode._compiled = bool  # whatever this environment has beside its modules
from pathlib import Path
packages = kdtune.bytecode._sources()[0].parents[1]
if kept := sys.argv[1]:  # the packages have the bytecode that the tests keep; Python's own modules have none
    there = Path(f"{kdtune.bytecode._folder()}{packages}")
    there.parent.mkdir(parents=True)
    there.symlink_to(f"{kept}{packages}")
    sys.pycache_prefix = kept
import ray, torch
from kdtune.sweep.remote.cluster import connected
sys.pycache_prefix = None
with connected(None):
    @ray.remote
    def of_worker():
        import xml.dom.minidom as module
        return sys.pycache_prefix, sys.dont_write_bytecode, module.__cached__, os.path.exists(module.__cached__)
    print(*ray.get(of_worker.remote()))
variables = [os.environ.get(name) for name in ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")]
print(sys.pycache_prefix, sys.dont_write_bytecode, *variables)
"""
    said = python(code, sys.pycache_prefix or "", PYTHONPATH="").splitlines()
    prefix, dont_write, cached, exists = said[0].split()
    assert prefix == str(place(tmp_path))
    assert (dont_write, exists) == ("False", "True")
    assert Path(cached).is_relative_to(prefix)
    assert said[1] == "None True None 1"
