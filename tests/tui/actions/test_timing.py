"""Which place of a replay a person means."""

from tui.actions.timing import moment


def test_moments() -> None:
    assert moment("50%", 200) == 0.5
    assert moment("1:40", 200) == 0.5
    assert moment("100", 200) == 0.5
    assert moment("300", 200) is None
    assert moment("soon", 200) is None
