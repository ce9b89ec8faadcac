"""No module imports itself indirectly. Import-linter's contracts order the packages: see test_checks.py."""

import graphlib

import grimp
import pytest


def cycle_in(graph: grimp.ImportGraph, package: str) -> list[str]:
    """Return modules of a package each of which imports the next, and the last the first; [] if there are none."""
    modules = {package, *graph.find_descendants(package)}
    imports = {module: graph.find_modules_directly_imported_by(module) & modules for module in modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return list(reversed(error.args[1]))  # it names the imported module first
    return []


@pytest.mark.parametrize("package", ["kdtune", "tui"])
def test_imports_have_no_cycle(package: str) -> None:
    """Imports inside functions, and those for types alone, count too."""
    graph = grimp.build_graph(package, cache_dir=None)
    assert cycle_in(graph, package) == []


def test_a_cycle_is_found() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (("p.a", "p.b"), ("p.b", "p.c"), ("p.c", "p.a"), ("p.d", "p.a")):
        graph.add_import(importer=importer, imported=imported)
    graph.add_module("p")
    found = cycle_in(graph, "p")
    assert found[0] == found[-1]
    assert set(found) == {"p.a", "p.b", "p.c"}
