"""What was logged of a run to one tracker: a small file in the run, so that nothing is logged twice."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from kdtune.errors import RunError
from kdtune.files import read_json, write_json
from kdtune.runs.paths import RunFiles


@dataclass
class Memory:
    """How far one tracker has come.

    Attributes:
        events: number of the run's events that are logged, from the first.
        reports: number of reports among them.
        where: where they are.
        ids: the tracker's own ids, by model.
        attempt: counts from 1 how often the run was logged from its beginning.
        error: why logging ended early; empty if it did not.
    """

    path: Path
    events: int = 0
    reports: int = 0
    where: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    attempt: int = 1
    error: str = ""

    @classmethod
    def of(cls, files: RunFiles, name: str) -> "Memory":
        """Return what a run remembers of a tracker; nothing if it was never logged there.

        Raises:
            RunError: the file is damaged.
        """
        path = files.tracker(name)
        if not path.exists():
            return cls(path)
        content = read_json(path)
        try:
            return cls(
                path,
                events=int(content["events"]),
                reports=int(content["reports"]),
                where=str(content["where"]),
                ids={str(key): str(value) for key, value in content["ids"].items()},
                attempt=int(content["attempt"]),
                error=str(content["error"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"{path}: damaged ({error!r}): delete it, and the run is logged from its beginning"
            ) from None

    def save(self) -> None:
        """Write the file.

        Raises:
            DiskError: it can't be written.
        """
        content = asdict(self)
        del content["path"]
        write_json(self.path, content)

    def start_over(self) -> None:
        """Log everything from the beginning: no report is logged yet. A tracker may hold `ids`, so they are emptied."""
        self.events, self.reports, self.where, self.error = 0, 0, "", ""
        self.ids.clear()

    def forget(self) -> None:
        """Begin another attempt: everything is to be logged anew, beside what was logged before."""
        self.start_over()
        self.attempt += 1
