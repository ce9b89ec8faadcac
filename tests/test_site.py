"""The documentation builds as pages, with nothing missing, and its reference knows every key and option."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kdtune.cli import parser
from kdtune.data.registry import datasets
from kdtune.space.schema import Space
from tests.limits import PATIENCE

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "site"))
import reference  # noqa: E402


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert built.returncode == 0, built.stderr[-3000:]
    page = (tmp_path / "site" / "reference" / "python" / "index.html").read_text(encoding="utf-8")
    for name in ("search", "open_run", "load_student", "register_measure", "from_arrays"):
        assert f">{name}<" in page or f"{name}</" in page, name
    page = (tmp_path / "site" / "monitor" / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r'<a href="(\.\./pictures/[\w-]+\.png)"><img [^>]*src="\1"', page)) == 3, (
        "a click enlarges them"
    )
    outside = [
        link
        for file in (tmp_path / "site").rglob("*.html")
        for link in re.findall(
            r"<(?:script|link|img)[^>]*(?:src|href)=\"(https?://[^\"]+)", file.read_text("utf-8")
        )
    ]
    assert not outside, "pages load nothing from elsewhere"


def test_every_key_of_a_space_is_explained() -> None:
    page = reference.search_space()
    silent = re.findall(r"^\| (`.*?`) \|.*\|  \|$", page, re.MULTILINE)
    assert silent == []
    for key in Space.model_fields:
        assert f"`{key}`" in page or f"## {key}" in page, key


def test_what_a_space_leaves_to_measurement_has_no_other_default() -> None:
    page = reference.search_space()
    for key in ("precision", "channels_last", "execution"):
        assert re.search(rf"^\| `{key}` \| .* or `auto` \| `auto` \|", page, re.MULTILINE), key


def test_every_option_of_every_data_set_is_explained() -> None:
    page = reference.dataset_options()
    for name in datasets:
        if datasets.get(name).__module__.startswith("kdtune."):
            assert f"\n## {name}\n" in page
    assert re.findall(r"^\| (`.*?`) \|.*\|  \|$", page, re.MULTILINE) == []


def test_every_command_and_option_is_listed() -> None:
    page = reference.commands()
    for _, _, command in reference._commands(parser()):
        for action in command._actions:
            for option in action.option_strings:
                assert f"`{option}" in page or f"{option}" in page, option
    assert "| `--to {tensorboard,mlflow,wandb,trackio}` |" in page
