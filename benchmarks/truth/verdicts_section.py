"""The section `verdicts` of RESULTS.md: what sweeps on fresh splits say at their end, and whether test agrees."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables import table
from benchmarks.truth.verdicts import AGREES, CONTRADICTS, SILENT

TEXT = """\
Is the last line of a sweep right? Students are trained on fresh splits that nothing in kdtune was chosen on. There are
as many students as a ready space's budget has trials, drawn at random from its ranges: T and α for COMPAS, and
reweighing too for Adult. The front is chosen as kdtune does, and compared with NDS and teachers on validation. Each
difference that is called beyond noise there is then tested alone, at 5 %, on the examples of the same split that are
neither training nor validation. *Missed* are comparisons with a baseline that validation leaves open, although the
student is better on test, corrected as on validation."""

KINDS = {"better": "better than a baseline", "worse": "worse than a baseline", "neighbour": "neighbours"}


def report(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    parts = []
    for one in outcomes:
        verdicts = one["verdicts"]
        beats = sum(v["beats"] for v in verdicts)
        steps = sum(v["steps"] for v in verdicts) / len(verdicts)
        members = sum(v["members"] for v in verdicts) / len(verdicts)
        parts.append(
            f"**{one['data']}** (accuracy, {one['gap'].upper()}): {len(verdicts)} splits × {one['configurations']} "
            f"configurations, {one['validation']:,} validation and {one['test']:,} test examples. In {beats} of "
            f"{len(verdicts)} splits a student on the front beats a baseline beyond noise. {members:.1f} members in "
            f"{steps:.1f} steps on average. Missed: {sum(v['missed'] for v in verdicts)} comparisons."
        )
        rows = []
        for kind, words in KINDS.items():
            found = [f for v in verdicts for f in v["findings"] if f["kind"] == kind]
            same = sum((f["here"] > 0) == (f["there"] > 0) for f in found)
            tests = [sum(f["test"] == told for f in found) for told in (AGREES, SILENT, CONTRADICTS)]
            rows.append([words, str(len(found)), str(same), *map(str, tests)])
        head = [
            "beyond noise on validation",
            "found",
            "same sign on test",
            "test agrees",
            "silent",
            "contradicts",
        ]
        parts.append(table(head, rows))
    return "\n\n".join(parts)
