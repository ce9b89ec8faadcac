import pytest
import torch

from kdtune.data.groups import attribute_names, columns_of, cross_codes, cross_groups, encode, settle_rare
from kdtune.errors import DataError


def test_names_and_columns() -> None:
    assert attribute_names(None) == ()
    assert attribute_names("sex*race") == ("sex*race",)
    assert columns_of(["sex", "sex*race", "age*sex"]) == ("sex", "race", "age")
    for wrong in (["sex", "sex"], "sex*"):
        with pytest.raises(DataError):
            attribute_names(wrong)


def test_groups_are_those_that_occur_or_those_declared() -> None:
    codes, groups = encode("c", ["b", None, "a", "b"])
    assert (codes.tolist(), groups) == ([1, -1, 0, 1], ("a", "b"))
    codes, groups = encode("c", ["b", None, "a"], ["z", "b", "a"])
    assert (codes.tolist(), groups) == ([1, -1, 2], ("z", "b", "a"))


def test_an_undeclared_value_is_an_error_missing_or_other() -> None:
    with pytest.raises(DataError, match=r"'Mal', which is none.*did you mean 'Male'.*rare: missing"):
        encode("sex", ["Mal"], ["Male", "Female"])
    assert encode("c", ["x", "a"], ["a"], undeclared="missing")[0].tolist() == [-1, 0]
    codes, groups = encode("c", ["x", "a"], ["a"], undeclared="other")
    assert (codes.tolist(), groups) == ([1, 0], ("a", "other"))
    codes, groups = encode("c", ["x", "a"], ["Other", "a"], undeclared="other")
    assert (codes.tolist(), groups) == ([0, 1], ("Other", "a"))


def test_too_many_values_are_no_groups() -> None:
    with pytest.raises(DataError, match=r"'age' has 60 different values.*bins"):
        encode("age", [str(k) for k in range(60)])


def test_an_intersection_has_every_combination_and_keeps_the_missing() -> None:
    groups = {"s": ("f", "m"), "r": ("x", "y", "z")}
    codes = {"s": torch.tensor([0, 1, -1, 1]), "r": torch.tensor([2, 0, 1, -1])}
    crossed = cross_groups(["s*r", "r"], groups)
    assert crossed == {"s*r": ("f*x", "f*y", "f*z", "m*x", "m*y", "m*z"), "r": ("x", "y", "z")}
    numbers = cross_codes(["s*r", "r"], codes, groups)
    assert numbers["s*r"].tolist() == [2, 3, -1, -1]
    assert numbers["r"].tolist() == [2, 0, 1, -1]


def settle(sizes, rare, groups=None, share=0.5, min_group=10):
    codes = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    names = tuple(groups or "abcdef"[: len(sizes)])
    new, tables = settle_rare({"g": codes}, {"g": names}, share=share, min_group=min_group, rare=rare)
    return new["g"], tables["g"][torch.tensor([*range(len(sizes)), -1])].tolist()


def test_a_group_that_is_too_small_is_named_with_its_size_and_the_remedy() -> None:
    with pytest.raises(DataError, match=r"'b' \(2 of 5\).*rare: missing.*rare: other.*min_group"):
        settle([40, 5], "error")


def test_small_groups_are_left_out_or_merged() -> None:
    assert settle([40, 5, 30], "missing") == (("a", "c"), [0, -1, 1, -1])
    assert settle([40, 12, 30, 12], "other") == (("a", "c", "other"), [0, 2, 1, 2, -1])
    assert settle([40, 2, 30], "other", ["a", "b", "Other"]) == (("a", "Other"), [0, 1, 1, -1])


def test_groups_too_small_even_when_merged_are_an_error() -> None:
    with pytest.raises(DataError, match="together"):
        settle([40, 5, 5], "other")


def test_a_declared_group_that_is_absent_stays_declared() -> None:
    assert settle([40, 0, 30], "error") == (("a", "b", "c"), [0, 1, 2, -1])


@pytest.mark.parametrize("rare", ["error", "missing", "other"])
def test_two_groups_must_occur(rare: str) -> None:
    with pytest.raises(DataError, match=r"'g' has one group only, 'a' \(no example is in 'b'\)"):
        settle([40, 0], rare)
    with pytest.raises(DataError, match=r"'g' has no group \(no example is in 'a', 'b'\)"):
        settle([0, 0], rare)


def test_a_declared_other_occurs_where_small_groups_are_merged_into_it() -> None:
    assert settle([40, 12, 12, 0], "other", ["a", "b", "c", "Other"]) == (("a", "Other"), [0, 1, 1, 1, -1])
