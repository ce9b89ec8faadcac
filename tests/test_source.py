"""What the source may do with files and with what they hold: it opens them by one door, and runs nothing in them."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_source_unpickles_and_evaluates_nothing() -> None:
    """Calls that could are listed here, each with its reason; a new one must be listed too."""
    allowed = {
        (
            "report/export/bundle/formats.py",
            "torch.export.load",
        ),  # reads the bytes it wrote in the line before
        ("background/helper.py", "pickle.loads("),  # from a pipe to a child that it started itself
        ("space/reading.py", "yaml.load("),  # with a loader that is PyYAML's safe one, and stricter
    }
    pattern = re.compile(
        r"(?<!safetensors\.)torch\.load\((?![^)]*weights_only=True)|torch\.export\.load|pickle\.loads?\(|yaml\.(?:unsafe_|full_)?load\(|"
        r"sys\.executable, \"-m\"|"  # without -P the folder where it starts is searched for modules, first of all
        r"(?<![\w.])(?:eval|exec)\(|allow_pickle=True|read_pickle|joblib\.load|os\.system|shell=True"
    )
    found = set()
    for folder in ("kdtune", "tui"):
        for path in (ROOT / folder).rglob("*.py"):
            code = re.sub(r"#.*|\"\"\"(?s:.*?)\"\"\"", "", path.read_text(encoding="utf-8"))
            found |= {
                (str(path.relative_to(ROOT / folder)), match.group()) for match in pattern.finditer(code)
            }
    assert found <= allowed, found - allowed


def test_files_are_opened_by_one_door() -> None:
    """What opens a file otherwise is listed here, each with its reason; a new one must be listed too."""
    allowed = {
        ("data/cache.py", "safe_open"): "after the door looked",
        ("data/mapped.py", "np.load"): "after the door looked",
        ("distill/weights/pretrained.py", "safetensors.torch.load_file"): "after the door looked",
        ("distill/torch_file.py", "torch.load"): "of a file that the door opened",
        ("data/images/pixels.py", "Image.open"): "of a tree in which only files are counted",
        ("data/images/tree.py", "Image.open"): "the same",
        ("data/published/source.py", "tarfile.open"): "of an archive that is a file",
        ("output.py", "open"): "of what stands for closed standard streams",
        ("output.py", "os.open"): "the same",
        ("runs/jsonl.py", "open"): "to append, with a door of its own, and of what is a file",
        ("runs/jsonl.py", "os.open"): "the same",
        (
            "runs/measures/own.py",
            "Path(inspect.getsourcefile(function) or '').read_bytes",
        ): "Python that was imported",
        (
            "sweep/remote/local_ray.py",
            "Path(nodes[-1]._session_dir, 'logs', name).read_text",
        ): "Ray's own log",
        (
            "sweep/remote/fork_server.py",
            "Path(session, 'logs', 'fork_server.err').open",
        ): "to write, in the folder that Ray has just made",
        ("sweep/remote/fork_server.py", "os.open"): "of the null device",
        ("sweep/remote/cluster.py", "open"): "of the null device",
        ("sweep/remote/teacher_server.py", "open"): "of the descriptor of standard error",
        ("space/reading.py", "path.read_text"): "spaces that are part of the package",
        ("sweep/calibration/precision.py", "open"): "of the system",
        ("sweep/remote/memory_guard.py", "Path('/proc/self/status').read_text"): "of the system",
        ("memory.py", "Path(limit).read_text"): "of the system",
        ("sweep/trials/journal.py", "open"): "to append, as Optuna does, to what the door looked at",
        ("bytecode.py", "bytecode.open"): "of Python's own",
        ("sources/synthetic.py", "open"): "writes a run that it makes itself",
    }
    words = (
        "read_bytes",
        "read_text",
        "load_file",
        "safe_open",
        "fromfile",
        "memmap",
        "loadtxt",
        "genfromtxt",
        "open",
    )
    others = ("np.load", "torch.load", "torch.jit.load", "numpy.load")
    found = set()
    for folder in ("kdtune", "tui"):
        for path in (ROOT / folder).rglob("*.py"):
            if path == ROOT / "kdtune" / "files.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if name in others or (
                    name.rpartition(".")[2] in words and name not in ("read_text", "self._open")
                ):
                    found.add((str(path.relative_to(ROOT / folder)), name))
    assert found <= set(allowed), found - set(allowed)
