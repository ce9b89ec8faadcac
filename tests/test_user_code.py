"""What the user's code raises: turned into an error that says what failed, why, and on which line of theirs."""

import json
import sys

import numpy as np
import pytest
import torch
from ray._raylet import raise_sys_exit_with_custom_error_message

from kdtune.errors import DataError, InputError
from kdtune.user_code import kind_of, own_code, told


class OfItsOwn(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\n  lines\n"), "it failed: ValueError: two lines (test_user_code.py, line "),
        (ValueError("x" * 600), f"ValueError: {'x' * 499}… (test_user_code.py, line "),
        (AssertionError(), "it failed: AssertionError (test_user_code.py, line "),
        (SystemExit(0), "it failed: SystemExit: 0 (test_user_code.py, line "),
        (GeneratorExit(), "it failed: GeneratorExit (test_user_code.py, line "),
        (StopIteration(), "it failed: StopIteration (test_user_code.py, line "),
        (OfItsOwn("enough"), "it failed: OfItsOwn: enough (test_user_code.py, line "),
    ],
)
def test_whatever_it_raises_is_named(error: BaseException, said: str) -> None:
    with pytest.raises(DataError) as caught, own_code("it failed", DataError):
        raise error
    assert said in str(caught.value)
    assert caught.value.__cause__ is error


def test_where_no_line_is_the_user_s_none_is_named() -> None:
    """A function of another library is called by kdtune itself."""
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert told(caught.value.with_traceback(caught.tb.tb_next)).endswith("(char 1)")


def test_an_error_for_people_stays_unless_the_code_is_to_be_named() -> None:
    with pytest.raises(InputError, match=r"^no such file$"), own_code("it failed"):
        raise InputError("no such file")
    with (
        pytest.raises(InputError, match="it failed: InputError: no such file"),
        own_code("it failed", passed=()),
    ):
        raise InputError("no such file")


def test_ctrl_c_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), own_code("it failed"):
        raise KeyboardInterrupt


def test_the_end_that_ray_asks_of_a_worker_is_not_the_code_s() -> None:
    """Ray's handler of SIGTERM raises it so, wherever the worker is just then."""
    with pytest.raises(SystemExit), own_code("it failed"):
        raise_sys_exit_with_custom_error_message("The process receives a SIGTERM.", exit_code=1)
    with pytest.raises(InputError), own_code("it failed"):
        sys.exit(1)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.zeros(4, 2), "float32 [4, 2]"),
        (np.zeros(3), "a ndarray, float64 [3]"),
        ((1, 2), "a tuple of 2"),
        ({}, "a dict of 0"),
        (3, "an int"),
        (None, "nothing"),
    ],
)
def test_what_was_returned_is_said_in_words(value: object, said: str) -> None:
    assert kind_of(value) == said
