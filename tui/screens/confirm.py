"""The typed word that stops a sweep."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from .dialog import Dialog


class ConfirmStop(Dialog):
    """Asks to type `stop` before a sweep is asked to stop."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def compose(self) -> ComposeResult:
        """Say what will happen."""
        with Vertical(classes="box") as box:
            box.border_title = f"Stop {self._name}?"
            yield Static(
                "The sweep ends after the epochs now at work. Nothing is lost:\n"
                f"kdtune search --resume {self._name} goes on from there.\n"
                "Type stop (or now, to cut the epochs at work short) and press enter.",
                classes="hint",
                markup=False,
            )
            yield Input(placeholder="stop")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with what was typed, if it is one of the two words."""
        word = event.value.strip().lower()
        if word in ("stop", "now"):
            self.dismiss(word)
        else:
            self.dismiss(None)
