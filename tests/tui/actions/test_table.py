"""One table of actions makes bindings, help, footer, palette and the keys of docs/monitor.md."""

from tests.tui.driving import turn
from tui.actions.action import FORBIDDEN_KEYS, bindings, footer, groups, markdown
from tui.actions.table import ACTIONS
from tui.app import Monitor
from tui.sources.synthetic import Synthetic


def keys():
    return [key for action in ACTIONS for key in action.keys.split(",")]


def test_no_key_does_two_things() -> None:
    assert len(keys()) == len(set(keys()))


def test_no_two_actions_have_one_name() -> None:
    assert len({action.label for action in ACTIONS}) == len(ACTIONS)


def test_keys_that_terminals_and_multiplexers_need_are_left_alone() -> None:
    assert not set(keys()) & set(FORBIDDEN_KEYS)


def test_bindings_help_and_footer_come_from_the_table() -> None:
    assert [key for binding in bindings(ACTIONS) for key in binding.key.split(",")] == keys()
    assert [action for group in groups(ACTIONS).values() for action in group] == list(ACTIONS)
    assert set(footer(ACTIONS, replay=True, readonly=False)) <= set(ACTIONS)
    assert not any(action.needs == "replay" for action in footer(ACTIONS, replay=False, readonly=False))
    assert not any(action.needs == "write" for action in footer(ACTIONS, replay=True, readonly=True))
    assert all(action.help in markdown(ACTIONS) for action in ACTIONS)


def test_what_one_needs_first_is_first_in_the_footer() -> None:
    shown = footer(ACTIONS, replay=False, readonly=False)
    assert [action.keys for action in shown][:3] == ["q", "question_mark", "slash"]


async def test_the_palette_lists_every_action_and_does_it() -> None:
    app = Monitor(Synthetic(trials=3, epochs=2, classes=3))
    async with app.run_test(size=(100, 30)) as pilot:
        await turn(pilot)
        commands = list(app.get_system_commands(app.screen))
        assert [command.help for command in commands][:-1] == [action.help for action in ACTIONS]
        await pilot.press("ctrl+p")
        await pilot.press(*"maximise")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert app.board.maximised_pane
