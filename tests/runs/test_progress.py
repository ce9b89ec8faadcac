"""What a sweep's progress says of a run that changes while it is followed."""

import os
from dataclasses import replace
from typing import Any

import pytest

from kdtune.runs.reader import Run
from kdtune.terminal.progress import Progress


def test_the_budget_is_the_one_that_a_resumed_run_has_now(
    make_run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = {"train": {"n": 640}, "validation": {"n": 160}}
    files, writer = make_run(trials=1, dataset={"name": "d", "fingerprint": "f", "splits": splits})
    monkeypatch.setattr("kdtune.terminal.progress._PLAIN_SECONDS", -1.0)
    writer.model_started("t0000", "student", {}, 1)
    writer.model_state("t0000", "done")
    run = Run(files)
    with Progress(files, plain=True) as progress:
        progress.show(run.state())
        assert "trials 1/1 done" in capsys.readouterr().err
        writer.record(replace(run.record, trials=8))
        os.utime(files.record, (2e9, 2e9))  # a file system may count in whole seconds
        progress.show(run.state())
        assert "trials 1/8 done" in capsys.readouterr().err
    writer.close()
