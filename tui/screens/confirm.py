"""The dialog that asks for a typed word before it stops a sweep."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from .dialog import Dialog


class ConfirmStop(Dialog):
    """Asks for the word `stop` or `now`, its answer.

    Args:
        name: the run's name.
        resume: the command that continues the run.
    """

    def __init__(self, name: str, resume: str) -> None:
        super().__init__()
        self._name = name
        self._resume = resume

    def compose(self) -> ComposeResult:
        """Yield what will happen, and the line to type."""
        with Vertical(classes="box") as box:
            box.border_title = f"Stop {self._name}?"
            yield Static(
                "The sweep ends after the current epochs. Nothing is lost:\n"
                f"{self._resume} goes on from there.\n"
                "Type stop (or now, to end those epochs at once) and press enter.",
                classes="hint",
                markup=False,
            )
            yield Input(placeholder="stop")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with what was typed, if it is one of the two words."""
        word = event.value.strip().lower()
        self.dismiss(word if word in ("stop", "now") else None)
