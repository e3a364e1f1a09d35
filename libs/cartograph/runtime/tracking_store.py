"""Where runs are recorded; an SQLite store is created once, atomically, even if several processes start together.

MLflow makes the tables of a new store in some fifty steps. Two processes at once, or one that is killed, leave a
store that MLflow cannot open again. So it is made under a lock, in a file of its own, which then gets the store's name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from cartograph.core.errors import UserError
from cartograph.runtime import places
from cartograph.settings import Config

_SQLITE = "sqlite:///"


class StoreBroken(UserError):
    """The store's file is unusable; the message says what to do with it."""


def tracking_uri(config: Config) -> str:
    """Where runs go: `MLFLOW_TRACKING_URI` if set, else the setting, an SQLite file placed under the project's root."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", config.tracking.uri)
    if not uri.startswith(_SQLITE) or uri.startswith("sqlite:////"):
        return uri
    return _SQLITE + places.resolve(uri.removeprefix(_SQLITE))


def prepare_store(uri: str) -> None:
    """Makes the SQLite store at `uri` unless it is there; nothing for a server or another database.

    Raises:
        StoreBroken: the file is not a store, or is incomplete.
    """
    if not uri.startswith(_SQLITE):
        return
    database = Path(uri.removeprefix(_SQLITE))
    database.parent.mkdir(parents=True, exist_ok=True)
    with _alone(database.with_name(f".{database.name}.lock")):
        if not database.exists() or database.stat().st_size == 0:
            _make(database)
    _refuse_broken(database)


def made_unless_there(create: Callable[..., object], *arguments: object) -> None:
    """Calls a `create_…` of the client; it is not an error if another process was faster."""
    from mlflow.exceptions import MlflowException

    try:
        create(*arguments)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time; the operating system lets go when a process dies."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(database: Path) -> None:
    """The store with all its tables, under a name of its own until it is complete."""
    from mlflow.tracking import MlflowClient

    part = database.with_name(f"{database.name}.making")
    for leftover in (part, part.with_name(f"{part.name}-journal")):  # of a process that was killed
        leftover.unlink(missing_ok=True)
    MlflowClient(f"{_SQLITE}{part}").search_experiments(max_results=1)
    part.replace(database)


def _refuse_broken(database: Path) -> None:
    """Detects a store that cannot be opened immediately: MLflow itself would retry for minutes."""
    leftovers = r"SELECT name FROM sqlite_master WHERE name LIKE '\_alembic\_tmp\_%' ESCAPE '\'"
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            found = connection.execute(leftovers).fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreBroken(f"{database} cannot be opened as an SQLite store of MLflow: {error}") from error
    if found:
        raise StoreBroken(
            f"the store {database} is incomplete (table {found[0]}): move the file away, and the next run makes a "
            f"new one. If it holds runs, drop that table and run `mlflow db upgrade {_SQLITE}{database}`"
        )
