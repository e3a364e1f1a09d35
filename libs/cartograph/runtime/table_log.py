"""What Delta's log says of the commits of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from delta.tables import DeltaTable
from pyspark.sql import functions as F

from cartograph.runtime import places

if TYPE_CHECKING:
    from cartograph.runtime.tables import Tables

# Commits that leave the rows as they are.
_ROWS_KEPT = frozenset(
    {"CREATE TABLE", "SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "ADD CONSTRAINT", "DROP CONSTRAINT", "OPTIMIZE",
     "CLUSTER BY", "UPGRADE PROTOCOL", "VACUUM START", "VACUUM END"}
)  # fmt: skip


@dataclass(frozen=True)
class Commit:
    """One commit of a table: its version, what it did, and the note of the step that made it, if one did."""

    version: int
    operation: str
    note: Mapping[str, Any]

    @classmethod
    def of(cls, version: int, operation: str, note: str | None) -> Self:
        """The commit, its note read; a note that is not one of a step counts as none."""
        try:
            read = json.loads(note or "{}")
        except ValueError:
            read = {}
        return cls(version, operation, read if isinstance(read, dict) and "partition" in read else {})

    @property
    def keeps_rows(self) -> bool:
        """Whether the commit leaves the rows of the table as they are."""
        return self.operation in _ROWS_KEPT


def commits_since(tables: Tables, name: str, version: int) -> list[Commit] | None:
    """The commits of table `name` after `version`; None where the log no longer has them, or the table is gone."""
    newest = tables.version(name) if tables.exists(name) else -1
    if newest <= version:
        return [] if newest == version else None
    path = tables.path(name)
    if tables.catalog or not places.is_local(path):
        rows = tables.history(name).where(F.col("version") > version)
        found = [Commit.of(*row) for row in rows.select("version", "operation", "userMetadata").collect()]
        return found if len(found) == newest - version else None
    files = [Path(path) / "_delta_log" / f"{number:020}.json" for number in range(version + 1, newest + 1)]
    return [commit_in(file) for file in files] if all(file.is_file() for file in files) else None


def commit_in(file: Path) -> Commit:
    """The commit that a file of Delta's log describes; its number is the file's name."""
    with file.open(encoding="utf-8") as lines:
        described = next((line for line in lines if line.startswith('{"commitInfo"')), "{}")
    said = json.loads(described).get("commitInfo", {})
    return Commit.of(int(file.stem), said.get("operation", ""), said.get("userMetadata"))


def batch_of(table: DeltaTable, app_id: str, version: int) -> tuple[int, str] | None:
    """Commit and digest of a batch that was appended before; None if it was not."""
    note = {key: F.get_json_object("userMetadata", f"$.{key}") for key in ("app_id", "batch", "digest")}
    commits = table.history().filter((note["app_id"] == app_id) & (note["batch"] == str(version)))
    row = commits.select("version", note["digest"]).head()
    return (int(row[0]), str(row[1])) if row else None
