"""Numbers in a space that YAML takes for something else."""

from pathlib import Path

import pytest
import yaml

from kdtune.errors import SpaceError
from kdtune.space.choices import number_of
from kdtune.space.reading import read_space


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("budget: {trials: yes}", "budget.trials: a truth value is no number"),
        ("budget: {minutes: on}", "budget.minutes: a truth value is no number"),
        ("seed: true", "seed: a truth value is no number"),
        ("resources: {cpus_per_trial: yes}", "cpus_per_trial: a truth value is no number"),
        ("study: {temperatures: [1, yes]}", "temperatures: a truth value is no number"),
        ("budget: {trials: 1e3}", "budget.trials: '1e3' is not a number: YAML reads it as text, write 1000"),
        ("search: {lr: 1.25e-03x}", "search.lr: '1.25e-03x' is not a number"),
        (
            "seed: 99999999999999999999",
            "seed: it should be less than or equal to 9007199254740992, not 99999999999999999999",
        ),
        (
            "budget: {epochs: 10000000000000000}",
            "epochs: it should be less than or equal to",
        ),
        ("budget: {epochs: 0}", "budget.epochs: it should be greater than or equal to 1, not 0"),
        ("budget: {trials: many}", "budget.trials: it should be a valid integer, not 'many'"),
        ("objectives: []", "objectives: it should have at least 1 item, not []"),
        ("budget: {trials: 017}", "line 3: YAML reads 017 as 15"),
        ("search: {lr: 1:30}", "line 3: YAML reads 1:30 as 90"),
        ("search: {lr: 1:30.5}", "line 3: YAML reads 1:30.5 as 90.5"),
    ],
)
def test_numbers_are_not_what_yaml_makes_of_them(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(f"dataset: {{name: trifeature}}\npairs: [lenet5->mlp-16]\n{line}\n")
    with pytest.raises(SpaceError) as error:
        read_space(str(file))
    assert said in str(error.value)


def test_codes_with_a_leading_zero_must_be_quoted(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    text = "dataset: {name: table, path: x, label: y, groups: {zip: [%s, %s]}}\npairs: [mlp-4->linear]\n"
    file.write_text(text % ("01234", "08901"))
    with pytest.raises(SpaceError, match="YAML reads 01234 as 668: write that number, or quote 01234"):
        read_space(str(file))
    file.write_text(text % ('"01234"', '"08901"'))
    assert read_space(str(file))[0].dataset.options["groups"] == {"zip": ["01234", "08901"]}
    with pytest.raises(SpaceError, match="--set 'seed=010': YAML reads 010 as 8"):
        read_space(str(file), ["seed=010"])


@pytest.mark.parametrize("written", ["1e-3", "1.25e-3", "1e5", "3E8", "123456.7e0", "1e-300"])
def test_the_number_that_is_offered_is_the_one_that_was_meant(written: str) -> None:

    offered = yaml.safe_load(number_of(written))
    assert isinstance(offered, float)
    assert offered == float(written)
