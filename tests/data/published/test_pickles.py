"""Pickles of arrays are read; whatever else a pickle holds is refused, and nothing of it is run."""

import io
import pickle
import struct
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kdtune.data.published import pickles
from kdtune.data.published.pickles import PickleError, read_published_pickle
from tests.data.published.python_2 import as_python_2
from tests.limits import PATIENCE

NUMBERS = st.sampled_from(["u1", "i1", "<u2", ">i2", "<i4", ">u4", "<i8", ">f4", "<f8", "?"])
PLAIN = st.one_of(
    st.integers(-(2**300), 2**300),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(min_size=1),
    st.booleans(),
    st.none(),
    st.lists(st.integers(0, 255) | st.text()),
    st.tuples(st.integers(), st.text()),
)
ARRAYS = NUMBERS.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=4, min_side=0)))


@given(st.dictionaries(st.text(), PLAIN | ARRAYS), st.integers(0, pickle.HIGHEST_PROTOCOL), st.booleans())
def test_what_is_written_is_read(content: dict[str, Any], protocol: int, fortran: bool) -> None:
    if fortran:
        content = {k: np.asfortranarray(v) if isinstance(v, np.ndarray) else v for k, v in content.items()}
    found = read_published_pickle(pickle.dumps(content, protocol))
    assert found.keys() == content.keys()
    for key, value in content.items():
        if isinstance(value, np.ndarray):
            assert found[key].dtype == value.dtype
            assert found[key].tobytes() == value.tobytes()
            assert found[key].shape == value.shape
        else:
            assert found[key] == value
            assert type(found[key]) is type(value)


@given(
    st.dictionaries(st.text("abc"), st.lists(st.integers(0, 999)) | arrays.arrays("u1", (3, 5)), max_size=4)
)
def test_what_python_2_wrote_is_read(content: dict[str, Any]) -> None:
    found = read_published_pickle(as_python_2(content))
    assert found.keys() == content.keys()
    for key, value in content.items():
        assert np.array_equal(found[key], value)


def test_scalars_of_numpy() -> None:
    assert read_published_pickle(pickle.dumps([np.int64(7), np.float32(0.5), np.uint8(3)])) == [7, 0.5, 3]


MARKER = "kdtune-was-run"


def call(name: str, *arguments: str) -> bytes:
    """A pickle that calls `module.name` with text."""
    module, _, function = name.rpartition(".")
    pushed = "".join(f"S{argument!r}\n" for argument in arguments)
    return f"c{module}\n{function}\n({pushed}tR.".encode()


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


DTYPE = b"cnumpy\ndtype\n(S'%s'\nI0\nI1\ntR"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"

HOSTILE: dict[str, bytes] = {
    "os.system": call("os.system", f"touch {MARKER}"),
    "posix.system": call("posix.system", f"touch {MARKER}"),
    "nt.system": call("nt.system", "x"),
    "eval": call("builtins.eval", f"open({MARKER!r}, 'w')"),
    "eval of Python 2": call("__builtin__.eval", f"open({MARKER!r}, 'w')"),
    "bytes of a size": b"c__builtin__\nbytes\n(I99999999999\ntR.",
    "exec": call("builtins.exec", f"open({MARKER!r}, 'w')"),
    "open": call("io.open", MARKER, "w"),
    "subprocess": call("subprocess.getoutput", f"touch {MARKER}"),
    "pickle itself": call("pickle.loads", "cos\nsystem\n"),
    "import": call("builtins.__import__", "antigravity"),
    "importlib": call("importlib.import_module", "antigravity"),
    "numpy's own loader": call("numpy.load", MARKER),
    "numpy's runner": call("numpy.testing._private.utils.runstring", "x"),
    "numpy.f2py": call("numpy.f2py.diagnose.run", ""),
    "getattr": b"cbuiltins\ngetattr\n(cnumpy\nndarray\nS'__class__'\ntR.",
    "a dotted name": b"\x80\x04" + short("numpy") + short("ndarray.__init__.__globals__") + b"\x93.",
    "a dotted module": b"\x80\x04" + short("numpy.core.multiarray.os") + short("system") + b"\x93.",
    "a name by GLOBAL with dots": b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
    "our own functions": b"ckdtune.data.published.pickles\n_encode\n.",
    "copyreg": call("copyreg._reconstructor", "x"),
    "functools": call("functools.partial", "x"),
    "types": call("types.FunctionType", "x"),
    "codecs.lookup": call("_codecs.lookup", "idna"),
    "another encoding": call("_codecs.encode", "x", "idna"),
    "an encoding that is a module": call("_codecs.encode", "x", "antigravity"),
    "INST": f"(S'touch {MARKER}'\nios\nsystem\n.".encode(),
    "OBJ": f"(cos\nsystem\nS'touch {MARKER}'\no.".encode(),
    "NEWOBJ": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "NEWOBJ_EX": b"\x80\x04cnumpy\nndarray\n)}\x92.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "PERSID": b"P1\n.",
    "BINPERSID": b"K\x01Q.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "DUP": b"K\x012.",
    "state of a function": b"c_codecs\nencode\n}S'x'\nI1\nsb.",
    "attributes of a function": b"c_codecs\nencode\n(N}S'__class__'\nI1\nstb.",
    "state of a class": b"cnumpy\ndtype\n(N}S'__init__'\nI1\nstb.",
    "an array of objects": ARRAY + b"(I1\n(I1\nt" + DTYPE % b"O8" + b"I0\n]I1\nat" + b"b.",
    "objects as bytes": ARRAY + b"(I1\n(I1\nt" + DTYPE % b"O8" + b"I0\nS'AAAAAAAA'\ntb.",
    "objects with flags of numbers": ARRAY
    + b"(I1\n(I1\nt"
    + DTYPE % b"O8"
    + b"(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb"
    + b"I0\nS'AAAAAAAA'\ntb.",
    "records": ARRAY
    + b"(I1\n(I1\nt"
    + DTYPE % b"V8"
    + b"(I3\nS'|'\nN(S'a'\nt}I8\nI1\nI0\ntb"
    + b"I0\nS'AAAAAAAA'\ntb.",
    "text arrays": ARRAY + b"(I1\n(I1\nt" + DTYPE % b"U2" + b"I0\nS'AAAAAAAA'\ntb.",
    "fewer bytes than the shape": ARRAY + b"(I1\n(I99\nt" + DTYPE % b"u1" + b"I0\nS'A'\ntb.",
    "a huge shape": ARRAY + b"(I1\n(L999999999999999999999L\nt" + DTYPE % b"u1" + b"I0\nS'A'\ntb.",
    "a huge shape at once": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I9999999999\ntS'b'\ntR"
    * 9
    + b"b.",
    "a memo of many gigabytes": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "a memo by text": b"Np99999999999\n.",
    "bytes of many gigabytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
    "a bytearray of many gigabytes": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",
    "text of many gigabytes": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.",
    "a number of many digits": b"\x80\x02\x8b" + struct.pack("<i", 2**30) + b"x.",
    "a number of many digits as text": b"L" + b"9" * 20000 + b"L\n.",
    "tuples in tuples as a key": b"}" + b")" + b"\x85" * 500_000 + b"K\x01s.",
    "a list in itself as a key": b"}]q\x01K\x01s.",
    "instructions without end": b"]" + b"K\x01a" * 1_500_000 + b".",
    "no end": b"K\x01",
    "nothing": b"",
    "an end alone": b".",
    "an unset memo": b"h\x07.",
    "appending to a function": b"c_codecs\nencode\nK\x01a.",
    "items of a class": b"cnumpy\ndtype\nK\x01K\x01s.",
    "calling a number": b"K\x01)R.",
    "calling with no tuple": b"c_codecs\nencode\nK\x01R.",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PickleError):
        read_published_pickle(content)
    assert not list(tmp_path.iterdir())


def test_what_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "LARGEST", 100)
    assert read_published_pickle(pickle.dumps(b"x" * 50)) == b"x" * 50
    with pytest.raises(PickleError, match="larger than"):
        read_published_pickle(pickle.dumps(b"x" * 100))


def test_lists_that_share_are_not_unrolled() -> None:
    """A thousand times a list of a thousand times a list, and so on: small as it is, no memory holds it unrolled."""
    content: list[Any] = [1] * 1000
    for _ in range(9):
        content = [content] * 1000
    assert len(read_published_pickle(pickle.dumps({"labels": content}))["labels"]) == 1000


def good_pickles() -> list[bytes]:
    rng = np.random.default_rng(0)
    content = {
        "data": rng.integers(0, 256, (4, 7), dtype=np.uint8),
        "labels": [1, 300, -2],
        "names": ["a", "b"],
    }
    return [as_python_2(content | {"labels": [1, 2]}), *(pickle.dumps(content, p) for p in range(6))]


@given(st.data())
def test_damaged_pickles_are_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(good_pickles())))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["set", "cut", "copy", "insert"]))
        if how == "set":
            content[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del content[at : at + data.draw(st.integers(1, 9))]
            content += b"." * (not content)
        else:
            piece = content[at : at + 12] if how == "copy" else data.draw(st.binary(max_size=12))
            content[at:at] = piece
    try:
        read_published_pickle(bytes(content))
    except PickleError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message


def test_nothing_is_run_imported_or_opened(tmp_path: Path) -> None:
    """Python itself reports what is executed, imported, opened or started: not one such event in 6,000 pickles."""
    with io.BytesIO() as buffer:
        hostile = [content for content in HOSTILE.values() if len(content) < 2000]
        pickle.dump((hostile, good_pickles()), buffer)
        (tmp_path / "corpus").write_bytes(buffer.getvalue())
    program = textwrap.dedent(
        """
        import pickle, random, sys
        import kdtune.data.published.pickles as pickles
        with open(sys.argv[1], "rb") as file:
            hostile, good = pickle.load(file)
        for content in good:
            pickles.read_published_pickle(content)  # loads the codecs
        # Allocations, names and finders of modules say nothing; these would.
        watched = ("exec", "compile", "import", "open", "os.", "subprocess.", "socket.", "ctypes.", "code.", "shutil.",
                   "function.", "marshal.", "sys._getframe", "object.__setattr__", "object.__delattr__", "tempfile.")
        events, on = [], False
        sys.addaudithook(lambda event, arguments: events.append((event, repr(arguments)[:200]))
                         if on and event.startswith(watched) else None)
        draw, read = random.Random(0), 0
        pieces = [content for content in hostile if 0 < len(content) < 300] + good * 9
        on = True
        for number in range(6000):
            if number < len(hostile):
                content = hostile[number]
            else:
                content = bytearray(draw.choice(pieces))
                for _ in range(draw.randint(1, 3)):
                    at = draw.randrange(len(content) + 1)
                    kind = draw.randrange(3)
                    if kind == 0 and at < len(content):
                        content[at] = draw.randrange(256)
                    elif kind == 1:
                        other = draw.choice(pieces)
                        start = draw.randrange(len(other))
                        content[at:at] = other[start : start + draw.randint(1, 60)]
                    else:
                        del content[at : at + draw.randint(1, 6)]
                content = bytes(content)
            try:
                pickles.read_published_pickle(content)
                read += 1
            except pickles.PickleError:
                pass
        on = False
        print(read, events)
        """
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "corpus")],
        capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    read, _, events = ended.stdout.strip().partition(" ")
    assert events == "[]"
    assert int(read) > 50
    assert [item.name for item in tmp_path.iterdir()] == ["corpus"]


def test_a_file_of_cifar_s_size_is_read_in_seconds() -> None:
    """CIFAR-100's training file: 50,000 images, as many names and twice as many labels."""
    n = 50_000
    content = {
        "data": np.zeros((n, 3072), dtype=np.uint8),
        "fine_labels": [k % 100 for k in range(n)],
        "coarse_labels": [k % 20 for k in range(n)],
        "filenames": [f"{k}_s_{k:06}.png" for k in range(n)],
    }
    found = read_published_pickle(pickle.dumps(content, 2))
    assert found["data"].shape == (n, 3072)
    assert found["filenames"] == content["filenames"]
