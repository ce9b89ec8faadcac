"""What a stranger reads first (metadata, guides, workflows) agrees with the code and with itself."""

import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import test_checks
from tests.conftest import SLOW_FILES

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks" / "RESULTS.md"])
MADE = {f"reference/{name}.md" for name in ("commands", "space", "datasets", "python")}
"""Pages that mkdocs makes from the code; tests/test_site.py follows the links to them."""
FOLDERS = ("kdtune", "tui", "tests", "docs", "benchmarks", "search_spaces")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def read(path: str | Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def prose(document: Path) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", read(document), flags=re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_of_a_document_lead_somewhere(document: Path) -> None:
    text = prose(document)
    broken = [
        path
        for path in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", text)
        if not (ROOT / path).exists()
    ]
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = document if not path else document.parent / path
        if link.startswith(("http://", "https://")) or path in MADE:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_extra_is_in_the_document(pyproject: dict[str, Any]) -> None:
    table = read("docs/install.md").partition("## Optional parts")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(pyproject["project"]["optional-dependencies"])


def test_the_version_is_the_same_everywhere(pyproject: dict[str, Any]) -> None:
    version = pyproject["project"]["version"]
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    newest = re.findall(r"^## (\d+\.\d+\.\d+)", read("CHANGELOG.md"), re.MULTILINE)[0]
    assert newest == version


def test_the_license_is_the_same_everywhere(pyproject: dict[str, Any]) -> None:
    project, citation = pyproject["project"], yaml.safe_load(read("CITATION.cff"))
    assert project["license"] == citation["license"] == "MIT"
    [holder] = project["authors"]
    assert citation["authors"] == [holder]
    for file in project["license-files"]:
        assert read(file).startswith(f"MIT License\n\nCopyright (c) 2026 {holder['name']}\n")


def test_the_citation_names_the_paper_of_the_readme() -> None:
    readme = " ".join(read("README.md").split())
    [paper] = yaml.safe_load(read("CITATION.cff"))["references"]
    assert f'"{paper["title"]}"' in readme
    assert " & ".join(author["family-names"] for author in paper["authors"]) in readme
    [number] = [item["value"] for item in paper["identifiers"]]
    assert number.replace(":", " ") in readme


def test_types_are_announced_where_they_are(pyproject: dict[str, Any]) -> None:
    assert "Typing :: Typed" in pyproject["project"]["classifiers"]
    assert (ROOT / "kdtune" / "py.typed").is_file()


def workflow(name: str) -> dict[str, Any]:
    found: dict[Any, Any] = yaml.safe_load(read(ROOT / ".github" / "workflows" / f"{name}.yml"))
    return {"on" if key is True else key: value for key, value in found.items()}  # YAML 1.1: "on" is a truth


def runs_of(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_public_ci_runs_each_python_that_is_named(pyproject: dict[str, Any]) -> None:
    classifiers = pyproject["project"]["classifiers"]
    named = [c.rpartition(" ")[2] for c in classifiers if re.search(r":: Python :: 3\.\d+$", c)]
    [job] = workflow("ci")["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == named
    assert pyproject["project"]["requires-python"] == f">={named[0]}"


def test_public_ci_runs_the_readme_s_commands() -> None:
    start = read("README.md").partition("## Start")[2]
    commands = re.findall(r"^    (.*?)  +#", start, re.MULTILINE)[:2]
    [job] = workflow("ci")["jobs"].values()
    for command in commands:
        assert any(run.startswith(command) for run in runs_of(job)), command


def test_slow_tests_have_a_schedule() -> None:
    slow = workflow("slow")
    assert slow["on"]["schedule"]
    [job] = slow["jobs"].values()
    assert any("pytest -m slow" in run for run in runs_of(job))


def test_files_that_the_suite_begins_with_exist() -> None:
    assert [name for name in SLOW_FILES if not (ROOT / "tests" / name).is_file()] == []


def test_hooks_before_a_commit_run_what_the_tests_run() -> None:
    [mark] = [mark for mark in test_checks.test_check.pytestmark if mark.name == "parametrize"]
    hooks = [
        hook for repo in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]
    ]
    assert [hook["entry"].split() for hook in hooks] == [["uv", "run", *command] for command in mark.args[1]]


def test_the_table_of_packages_is_in_the_order_that_import_linter_checks(pyproject: dict[str, Any]) -> None:
    [contract] = [
        c for c in pyproject["tool"]["importlinter"]["contracts"] if c.get("containers") == ["kdtune"]
    ]
    table = read("docs/architecture.md").partition("## Who may import whom")[2].partition("\n\nWhy")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    where = {name: k for k, row in enumerate(rows) for name in re.findall(r"`kdtune/(\w+)(?:\.py)?`", row)}
    layers = [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
    assert set(where) == {name for layer in layers for name in layer}
    for upper, lower in itertools.pairwise(layers):
        assert max(where[name] for name in upper) < min(where[name] for name in lower), (upper, lower)
