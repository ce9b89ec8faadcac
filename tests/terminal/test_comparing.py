"""What `kdtune compare` prints."""

from kdtune.terminal import comparing


def test_names_in_any_alphabet_are_shown_as_they_are() -> None:
    assert comparing._value({"city": ["Łódź", "東京"]}) == '{"city": ["Łódź", "東京"]}'
    assert "\x1b" not in comparing._value(["\x1b[31m"])
