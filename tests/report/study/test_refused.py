"""Bad input of a study: each gives one message, exit code 2, and leaves no run behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import kdtune
from kdtune.cli import main
from kdtune.errors import DataError, InputError
from kdtune.runs.paths import RunFiles
from kdtune.space.reading import parse_space
from kdtune.sweep.driver import SweepRequest, run_sweep

SPACE: dict[str, Any] = {"dataset": {"name": "trifeature"}, "pairs": ["resnet8->lenet5"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "study.seeds=[3, 4, 3]"], "study.seeds: 3 is listed 2 times"),
        (["--set", "study.seeds=0"], "study.seeds: no seeds"),
        (["--set", "study.seeds=[-1, 2]"], "study.seeds: -1 is below 0"),
        (
            ["--set", "study.seeds=1000000000"],
            "1,000,000,000 seeds, each with all its students, are too many",
        ),
        (["--set", "study.seeds=[1.5]"], "study.seeds"),
        (["--set", "study.temperatures=[1, 0]"], "study.temperatures: 0 is not a temperature"),
        (["--set", "study.temperatures=[-3]"], "study.temperatures: -3 is not a temperature"),
        (["--set", "study.temperatures=[.inf]"], "study.temperatures: inf is not a temperature"),
        (["--set", "study.temperatures=[.nan]"], "study.temperatures: nan is not a temperature"),
        (["--set", "study.temperatures=[2, 2]"], "study.temperatures: 2 is listed 2 times"),
        (["--set", "study.temperatures=[]"], "study.temperatures"),
        (["--set", "study.alpha=1.2"], "study.alpha: 1.2 is no weight"),
        (["--set", "study.alpha=-0.1"], "study.alpha: -0.1 is no weight"),
        (["--set", "study.alpha=.nan"], "study.alpha: nan is no weight"),
        (["--set", "study.level=1"], "study.level"),
        (["--set", "study.individual.pairs=0"], "study.individual.pairs"),
        (["--set", "study.individual.epsilon=-1"], "study.individual.epsilon"),
        (["--set", "study.individual.output=logit"], "study.individual.output"),
        (["--set", "study.individual.features=rawx"], "study.individual.features: 'rawx' is neither 'raw'"),
        (["--set", "study.temperature=[1]"], "did you mean 'temperatures'"),
        (["--resume", "nothing"], "no run 'nothing'"),
        (["--figures-only", "nothing"], "no run 'nothing'"),
        (["--figures-only", "nothing", "--resume", "it"], "leave out SPACE and --resume"),
    ],
)
def test_what_the_command_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SPACE), "utf-8")
    space = [] if arguments[0] in ("--resume", "--figures-only") else [str(path)]
    assert main(["study", *space, *arguments, "--runs-dir", str(tmp_path / "runs")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("kdtune: ") == 1
    assert "Traceback" not in printed.err
    assert not list((tmp_path / "runs").glob("*"))


def test_what_a_program_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    """The feature space is looked at when all is trained: found only then, a wrong one would cost the whole study."""
    space = {**SPACE, "study": {"individual": {"features": "rawx"}}}
    with pytest.raises(InputError, match="'rawx' is neither 'raw', 'teacher', nor a model of torchvision"):
        kdtune.study(space, directory=tmp_path / "runs", progress=False)
    assert not list((tmp_path / "runs").glob("*"))


def _cifar(folder: Path) -> None:
    (folder / "cifar-10-batches-bin").mkdir(parents=True)
    for name in (
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
        "test_batch",
    ):
        (folder / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(bytes(3073 * 10))
    names = "".join(f"class{k}\n" for k in range(10))
    (folder / "cifar-10-batches-bin" / "batches.meta.txt").write_text(names)


def _cut(folder: Path) -> None:
    _cifar(folder)
    (folder / "cifar-10-batches-bin" / "data_batch_2.bin").write_bytes(bytes(3073 * 10 - 5))


def _missing(folder: Path) -> None:
    _cifar(folder)
    (folder / "cifar-10-batches-bin" / "data_batch_4.bin").unlink()


def _mismatched(folder: Path) -> None:
    folder.mkdir()
    (folder / "img_align_celeba").mkdir()
    rows = [f"{i:06}.jpg -1  1 -1" for i in (1, 2)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["2", "Male Smiling Young", *rows]) + "\n")
    (folder / "list_eval_partition.txt").write_text("000001.jpg 0\n")


def _unannotated(folder: Path) -> None:
    folder.mkdir()
    posts = {"1_gab": {"post_id": "1_gab", "annotators": [], "post_tokens": ["tea"]}}
    (folder / "dataset.json").write_text(json.dumps(posts))
    (folder / "post_id_divisions.json").write_text(json.dumps({"train": ["1_gab"], "val": [], "test": []}))


def _nothing(folder: Path) -> None:
    assert not folder.exists()


@pytest.mark.parametrize(
    ("dataset", "make", "said"),
    [
        ("cifar10", _nothing, "is no folder|missing"),
        ("cifar10", _missing, r"data_batch_4\.bin: missing"),
        ("cifar10", _cut, r"data_batch_2\.bin: .* cut short"),
        ("celeba", _mismatched, "000002"),
        ("hatexplain", _unannotated, r"1_gab\) has no annotators"),
    ],
)
def test_what_the_data_show(tmp_path: Path, dataset: str, make: Callable[[Path], None], said: str) -> None:
    make(tmp_path / "data")
    pair = "bert-tiny->bert-tiny" if dataset == "hatexplain" else "resnet8->lenet5"
    space = {"dataset": {"name": dataset, "path": str(tmp_path / "data")}, "pairs": [pair]}
    with pytest.raises(DataError, match=said) as caught:
        run_sweep(SweepRequest(RunFiles(tmp_path / "run"), parse_space(space, "space"), kind="study"))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "run.json").exists()
