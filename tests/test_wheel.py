"""The wheel works beside somebody else's `tui` and `search_spaces`, and takes neither name from them."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.how_to import follow
from tests.tui.terminal import Terminal
from tui.sources.synthetic import Synthetic

ROOT = Path(__file__).parents[1]
HOW_TOS = ("models.md", "data.md", "teacher.md", "measures.md", "losses.md")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that has the wheel, and everything but this clone from ours."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    [packages] = folder.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    # A .pth file adds our packages, but not what their own .pth files name, which is this clone.
    (packages / "requirements.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def oldest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that has the wheel, and of each library the oldest that it allows."""
    folder = tmp_path_factory.mktemp("oldest")
    found = folder / "bin" / "python"
    wanted = ["--resolution", "lowest-direct", f"{wheel}[datasets,hf,onnx,timm]"]
    for command in (["venv", "--allow-existing", folder], ["pip", "install", "--python", found, *wanted]):
        done = run(["uv", *command], folder)
        assert done.returncode == 0, done.stderr[-3000:]
    return found


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    """Return a folder with a package and a folder of the names that we use in a clone."""
    (tmp_path / "tui").mkdir()
    (tmp_path / "tui" / "__init__.py").write_text("raise SystemExit('the tui of somebody else')")
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "__init__.py").write_text("raise SystemExit('not ours')")
    (tmp_path / "search_spaces" / "foreign.yaml").write_text("dataset: nothing")
    return tmp_path


def run(command: Sequence[str | Path], cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_it_installs_one_name_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"kdtune"}
    assert "kdtune/py.typed" in names
    assert "kdtune/tui/kdtune.tcss" in names
    assert "kdtune/tui/serve/app_index.html" in names


def test_the_names_stay_their_owners(python: Path, strangers: Path) -> None:
    assert run([python, "-c", "import tui"], strangers).stderr.strip() == "the tui of somebody else"
    elsewhere = run([python, "-P", "-c", "import tui"], strangers)
    assert "No module named 'tui'" in elsewhere.stderr


def test_it_finds_its_own_spaces(python: Path, strangers: Path) -> None:
    found = run([python, "-m", "kdtune.cli", "spaces", "default"], strangers)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == (ROOT / "search_spaces" / "default.yaml").read_text(encoding="utf-8")
    assert "foreign" not in run([python, "-m", "kdtune.cli", "spaces"], strangers).stdout


def test_it_opens_its_own_monitor_with_its_helper(python: Path, strangers: Path) -> None:
    files = Synthetic(trials=8, epochs=3, classes=4).write(strangers / "run")
    terminal = Terminal(
        [str(python), "-m", "kdtune.cli", "watch", str(files.root)], cwd=strangers, size=(160, 48)
    )
    terminal.until("t0004")
    terminal.press("4")
    terminal.until(r"\+0\.\d\d|−0\.\d\d")  # a rank correlation, which the helper process has computed
    assert terminal.leave() == 0
    assert "Traceback" not in terminal.text()


@pytest.mark.slow
@pytest.mark.parametrize("guide", HOW_TOS)
def test_how_tos_work_in_an_empty_folder(python: Path, guide: str, tmp_path: Path) -> None:
    follow(ROOT / "docs" / guide, tmp_path, python)


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["python", "oldest"])
def test_data_of_every_kind_and_students_of_every_library_are_trained_exported_and_loaded(
    environment: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Run tests/from_a_wheel as a user's own programs: nothing of this clone is on their path."""
    python = request.getfixturevalue(environment)
    for program in sorted((ROOT / "tests" / "from_a_wheel").glob("*.py")):
        (tmp_path / program.name).write_bytes(program.read_bytes())
    made = run([python, "make.py"], tmp_path)
    assert made.returncode == 0, made.stderr
    asked = run([python, "search.py"], tmp_path)
    assert asked.returncode == 0, asked.stderr[-3000:]
    for name in ("frame", "arrow", "torch", "parquet", "posts"):
        exported = run([python, "-m", "kdtune.cli", "export", name], tmp_path)
        assert exported.returncode == 0, exported.stderr[-3000:]
    loaded = run([python, "load.py"], tmp_path)
    assert loaded.returncode == 0, loaded.stderr[-3000:]
    assert loaded.stdout.splitlines() == [
        "frame mlp-8 True",
        "arrow torchvision:shufflenet_v2_x0_5 True",
        "torch mlp-8 True",
        "parquet timm:mobilenetv3_small_050 True",
        "posts hf:./small-bert True",
    ]
