"""One table of actions makes bindings, help, footer and the README's keys."""

from tui.actions import ACTIONS, FORBIDDEN_KEYS, bindings, footer, groups, markdown
from tui.app import Monitor


def keys():
    return [key for action in ACTIONS for key in action.keys.split(",")]


def test_no_key_does_two_things():
    assert len(keys()) == len(set(keys()))


def test_keys_that_terminals_and_multiplexers_need_are_left_alone():
    assert not set(keys()) & set(FORBIDDEN_KEYS)


def test_every_action_exists():
    for action in ACTIONS:
        assert hasattr(Monitor, f"action_{action.call.partition('(')[0]}"), action.call


def test_bindings_help_and_footer_come_from_the_table():
    bound = {key for binding in bindings() for key in binding.key.split(",")}
    assert bound | {"ctrl+p"} == set(keys())
    assert [action for group in groups().values() for action in group] == list(ACTIONS)
    assert set(footer(replay=True)) <= set(ACTIONS)
    assert not any(action.needs == "replay" for action in footer(replay=False))
    assert all(action.help in markdown() for action in ACTIONS)


def test_what_one_needs_first_is_first_in_the_footer():
    assert [action.keys for action in footer(replay=False)][:3] == ["q", "question_mark", "slash"]
