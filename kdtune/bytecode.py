"""Keeps the bytecode of Python's modules where Python itself would keep none, and compiles it once, on all cores.

Without it each process of a sweep compiles torch, pandas and Ray anew: half of the processor time of a short sweep.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from kdtune.files import cache_dir
from kdtune.output import narrate, narration, output, print_data

_HEAVY = ("torch", "ray", "pandas")
"""Where these have bytecode, so do the others."""

_IMPORTED = (
    *_HEAVY, "numpy", "scipy.special", "scipy._lib", "pyarrow", "optuna", "pydantic", "aiohttp", "rich", "kdtune",
)  # fmt: skip
"""Packages that the processes of a sweep import."""

_NOT_IMPORTED = re.compile(
    r"/(tests?|testing|examples|_vendor|thirdparty(_files)?|numpy/distutils|scipy/_lib/(cobyqa|pyprima)"
    "|optuna/visualization|pandas/plotting/_matplotlib|ray/(rllib|serve|llm|autoscaler|dashboard)"
    "|ray/data/preprocessors|ray/experimental/sandbox"
    "|torch/(_inductor|_dynamo|distributed|onnx|_functorch|_export|_numpy|ao))/"
)
"""Folders of them that a sweep needs little or nothing of.

What is left holds 80 % of the bytes that a sweep imports of installed packages, and 29 % more. Python compiles the rest
when it imports it, such as scipy and scikit-learn for an export: a newcomer's first trial should not wait for them.
"""

_HEADER = 16
"""Bytes before the code in a file of bytecode (PEP 552): magic number, flags, and time and size of the source."""

_CHUNK = 16
"""Modules that a process is given at once."""

_SILENCE = 4.0
"""Seconds after which a person at a terminal is told how far it is."""


def keep_bytecode() -> None:
    """Let this process, and those that it starts, keep the bytecode that they compile, in kdtune's cache.

    Nothing changes where the modules have bytecode, where Python keeps it beside them, where the user chose a place
    (`PYTHONPYCACHEPREFIX`), and where the cache can't be written or somebody else can write there.
    """
    if sys.pycache_prefix is not None or (not sys.dont_write_bytecode and _beside()) or _compiled():
        return
    folder = _folder()
    if folder is None:
        return
    sys.pycache_prefix, sys.dont_write_bytecode = str(folder), False
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def compile_once() -> None:
    """Compile what the processes of a sweep import, on all cores, unless that is done; say so on standard error.

    Left to themselves, processes that start together compile the same modules, each on one core.
    """
    if sys.dont_write_bytecode or _compiled() or not _writable():
        return
    narrate("compiling Python modules once for this machine …")
    nothing = subprocess.DEVNULL
    command = [sys.executable, "-P", "-m", "kdtune.bytecode"]  # -P: the folder it starts in may hold anything
    with subprocess.Popen(
        command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing, text=True
    ) as process:
        assert process.stdout is not None
        told = time.monotonic()
        for percent in process.stdout:
            if narration().isatty() and time.monotonic() - told > _SILENCE:
                narrate(f"{percent.strip()} % compiled")
                told = time.monotonic()


@contextlib.contextmanager
def bytecode_for_children() -> Iterator[None]:
    """Let the processes that are started in here keep bytecode, compiled beforehand; this one goes on as before."""
    names = ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
    before = sys.pycache_prefix, sys.dont_write_bytecode, {name: os.environ.get(name) for name in names}
    try:
        keep_bytecode()
        compile_once()
        yield
    finally:
        sys.pycache_prefix, sys.dont_write_bytecode, variables = before
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _sources() -> list[Path]:
    specs = [importlib.util.find_spec(name) for name in _HEAVY]
    return [Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None]


def _compiled() -> bool:
    """Tell whether the heavy packages have bytecode that Python will take."""
    return all(_valid(Path(importlib.util.cache_from_source(str(path))), path) for path in _sources())


def _valid(bytecode: Path, source: Path) -> bool:
    try:
        with bytecode.open("rb") as file:
            header = file.read(_HEADER)
        of_source = source.stat()
    except OSError:
        return False
    by_time = header[4:8] == bytes(4)  # else Python compares what is in the source, or nothing
    stamp = (int(of_source.st_mtime) & 0xFFFFFFFF, of_source.st_size & 0xFFFFFFFF)
    return header[:4] == importlib.util.MAGIC_NUMBER and (
        not by_time or header[8:] == b"".join(number.to_bytes(4, "little") for number in stamp)
    )


def _beside() -> bool:
    """Tell whether Python can keep bytecode beside the modules."""
    return all(os.access(path.parent, os.W_OK) for path in _sources())


def _writable() -> bool:
    """Tell whether Python can keep bytecode where it would."""
    if sys.pycache_prefix is None:
        return _beside()
    try:
        Path(sys.pycache_prefix).mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(sys.pycache_prefix, os.W_OK)


def _folder() -> Path | None:
    """Return this environment's folder in kdtune's cache, or None where there can be none.

    It is another one after each installation: in an image whose files all bear the same date, bytecode of another
    version would else look valid.
    """
    sites = dict.fromkeys(path.parent.parent for path in _sources())
    try:
        installed = sorted(name for site in sites for name in os.listdir(site) if name.endswith(".dist-info"))
        folder = (
            cache_dir().absolute()
            / "bytecode"
            / _short_hash(sys.version, sys.prefix)
            / _short_hash(*installed)
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK) or not _only_mine(folder.resolve()):
            return None
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
    except OSError:
        return None
    return folder


def _short_hash(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _only_mine(folder: Path) -> bool:
    """Tell whether nobody but this user and root can change what lies in a folder: bytecode is code that will run."""
    if sys.platform == "win32":
        return True
    for path in (*reversed(folder.parents), folder):
        about = path.stat()
        if about.st_uid not in (0, os.geteuid()):
            return False
        if about.st_uid == os.geteuid() and not about.st_mode & 0o077:
            return True  # nobody else gets as far as what is in it
        if about.st_mode & 0o022 and not about.st_mode & stat.S_ISVTX:
            return False
    return True


def _compile_all() -> None:
    from compileall import compile_file
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    found = [importlib.util.find_spec(name) for name in _IMPORTED]
    folders = [Path(folder) for spec in found if spec for folder in spec.submodule_search_locations or ()]
    files = [
        file
        for folder in folders
        for file in folder.rglob("*.py")
        if not _NOT_IMPORTED.search(f"/{file.relative_to(folder.parent).as_posix()}")
    ]
    with ProcessPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(partial(compile_file, quiet=2), files, chunksize=_CHUNK), 1):
            if done % _CHUNK == 0:
                print_data(str(100 * done // len(files)))
                output().flush()


if __name__ == "__main__":
    _compile_all()
