"""What a step read and wrote when it last ran, kept beside the tables: while nothing of it changes, it need not run.

A step is repeated only where its code, its settings, its arguments, the rows it read or the rows it wrote are no longer
those of its last run. Changes are found in the tables' own logs, so that other writers count, too: every commit carries
a note that says which step wrote which partition; a commit without one counts as a change of the whole table.
What the same step wrote for a later day builds on this run and is no reason to repeat it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Self

from cartograph.runtime.conditions import each
from cartograph.runtime.table_log import Commit


@dataclass(frozen=True)
class Rows:
    """Partitions of a table, as they were at a version; version -1 stands for a table that was not there.

    `partition` lists the values meant of each partition column that is restricted; `before` is a day, and the
    partitions of earlier days are meant, unless it is None.
    """

    table: str
    version: int
    partition: Mapping[str, list[str]] = field(default_factory=dict)
    before: str | None = None

    def include(self, written: Mapping[str, list[str]]) -> bool:
        """Whether rows of a partition that was written are among these; a column that is not named may be any."""
        shared = all(set(written.get(name, values)) & set(values) for name, values in self.partition.items())
        days = written.get("as_of")
        return shared and (self.before is None or days is None or min(days) < self.before)


class StepRecord:
    """Collects what one run of a step reads and writes.

    Attributes:
        run: a name of its own for this run.
        inputs: rows read, at the version at which they were read first.
        outputs: rows written, or found to be there already, at the version after.
        files: sizes in bytes of the files written, by path.
        repeatable: False once the step has read something that is not in the tables.
    """

    def __init__(self, step: str, as_of: date | None) -> None:
        self.step = step
        self.as_of = str(as_of)
        self.run = uuid.uuid4().hex
        self.inputs: dict[tuple[str, str, str | None], Rows] = {}
        self.outputs: list[Rows] = []
        self.files: dict[str, int] = {}
        self.repeatable = True

    def read(self, table: str, version: int, partition: Mapping[str, Any], before: date | None = None) -> None:
        """The step reads these rows."""
        values, day = as_text(partition), None if before is None else str(before)
        self.inputs.setdefault((table, json.dumps(values, sort_keys=True), day), Rows(table, version, values, day))

    def wrote(self, table: str, version: int, partition: Mapping[str, Any]) -> None:
        """The step has written this partition."""
        self.outputs.append(Rows(table, version, as_text(partition)))

    def text(self, made_with: str) -> str:
        """The record as it is kept; `made_with` stands for code, settings and arguments."""
        kept = {
            "step": self.step, "as_of": self.as_of, "run": self.run, "made_with": made_with, "files": self.files,
            "inputs": [asdict(rows) for rows in self.inputs.values()],
            "outputs": [asdict(rows) for rows in self.outputs],
        }  # fmt: skip
        return json.dumps(kept, indent=1)


@dataclass(frozen=True)
class LastRun:
    """The record of a step's last run."""

    step: str
    as_of: str
    run: str
    made_with: str
    files: Mapping[str, int]
    inputs: list[Rows]
    outputs: list[Rows]

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """The record that was kept as `text`; None where there is none, or it was cut off."""
        try:
            kept = json.loads(text or "")
            rows = {side: [Rows(**each) for each in kept[side]] for side in ("inputs", "outputs")}
            return cls(**{**kept, **rows})
        except (ValueError, TypeError, KeyError):
            return None

    def uses(self) -> dict[str, list[Rows]]:
        """The rows read and written, by table."""
        found: dict[str, list[Rows]] = {}
        for rows in (*self.inputs, *self.outputs):
            found.setdefault(rows.table, []).append(rows)
        return found

    def has_changed(self, uses: Sequence[Rows], commits: Sequence[Commit]) -> bool:
        """Whether the commits since the first of these uses of a table changed rows that were read or written."""
        newest = min(rows.version for rows in uses) + len(commits)
        if newest < max(rows.version for rows in uses):
            return True  # the table was made again
        foreign = [commit for commit in commits if not commit.keeps_rows and not self._builds_on(commit)]
        return any(
            rows.version < commit.version and rows.include(commit.note.get("partition", {}))
            for commit in foreign
            for rows in uses
        )

    def _builds_on(self, commit: Commit) -> bool:
        """Whether the commit is of this very run, or of the same step for a later day."""
        note = commit.note
        later = note.get("step") == self.step and str(note.get("as_of")) > self.as_of
        return note.get("run") == self.run or later


def note(partition: Mapping[str, Any], record: StepRecord | None) -> str:
    """What the commit that replaces a partition carries: which one, and by which run of which step, if by one."""
    step = {} if record is None else {"step": record.step, "as_of": record.as_of, "run": record.run}
    return json.dumps({**step, "partition": as_text(partition)})


def as_text(partition: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of each column as texts."""
    return {name: sorted(str(value) for value in each(values)) for name, values in partition.items()}
