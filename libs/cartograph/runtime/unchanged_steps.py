"""Which steps need not run again, by the records of their last runs in `<root>/_steps`."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import cartograph
from cartograph.runtime import places
from cartograph.runtime.config import redacted
from cartograph.runtime.lock_files import lock_files
from cartograph.runtime.step_record import LastRun, StepRecord
from cartograph.runtime.table_log import commits_since
from cartograph.runtime.tables import Tables
from cartograph.settings import Config

# Settings and arguments that decide where and how a step runs, not what comes out.
_HOW = frozenset({"spark", "tracking", "lake", "env"})
_HOW_ARGUMENTS = frozenset({"env", "set", "conf_dir", "show_config", "verbose", "force", "as_of"})


def made_with(config: Config, run: Callable[..., Any], arguments: argparse.Namespace | None) -> str:
    """A digest of the code, the settings but for secrets, and the arguments of a step."""
    settings = {name: value for name, value in redacted(config).items() if name not in _HOW}
    given = {name: str(value) for name, value in vars(arguments or argparse.Namespace()).items()}
    given = {name: value for name, value in sorted(given.items()) if name not in _HOW_ARGUMENTS}
    step = f"{run.__module__}.{run.__qualname__}"
    whole = json.dumps([code_digest(), step, settings, given], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()


@cache
def code_digest() -> str:
    """A digest of the package's files, or of the archive that it was imported from."""
    package = Path(cartograph.__file__).parent
    archive = next((folder for folder in package.parents if folder.is_file()), None)
    files = [archive] if archive else sorted(package.rglob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(package.parent) if not archive else file.name).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_unchanged(tables: Tables, step: str, as_of: date, now_with: str) -> bool:
    """Whether a step would read and write what it did when it last ran for that day."""
    path = _path(tables, step, as_of)
    last = LastRun.of(lock_files(tables.spark, tables.root).read(path))
    if last is None or last.made_with != now_with:
        return False
    if any(not Path(file).is_file() or Path(file).stat().st_size != size for file, size in last.files.items()):
        return False
    for table, uses in last.uses().items():
        commits = commits_since(tables, table, min(rows.version for rows in uses))
        if commits is None or last.has_changed(uses, commits):
            return False
    return True


def remember(tables: Tables, record: StepRecord, as_of: date, ran_with: str) -> None:
    """Keeps the record of a run that ended well, if its result depends on the tables alone."""
    if record.repeatable and (record.outputs or record.files):
        path = _path(tables, record.step, as_of)
        if places.is_local(path):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        lock_files(tables.spark, tables.root).overwrite(path, record.text(ran_with))


def _path(tables: Tables, step: str, as_of: date) -> str:
    return f"{tables.root}/_steps/{step},as_of={as_of}.json"
