"""An object that would run something when it is unpickled, and leave a trace of it."""

import os
from pathlib import Path
from typing import Any


class Malicious:
    """Makes a folder where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = str(trace)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.trace,)
