"""One writer per table partition, across processes and machines.

A lock is a small file, `<root>/_locks/<table>[,partition].lock`, that says who holds it. Its holder renews it every few
seconds; one that is not renewed any more, or whose process is dead on this very host, is stale and is taken over.
Clocks of the hosts may differ by less than `lake.lock_stale_seconds`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import quote

from pyspark.sql import SparkSession

from cartograph.core.errors import UserError
from cartograph.runtime.conditions import Partition, each
from cartograph.runtime.lock_files import LockFiles, lock_files
from cartograph.runtime.settings import LakeSettings


class LockHeld(UserError):
    """Another process writes the same partition; the message names it and how long it has been at it."""


@dataclass(frozen=True)
class Owner:
    """Who holds a lock: host, process, when it started and when it was last seen (unix seconds)."""

    host: str
    pid: int
    token: str
    since: float
    seen: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {_duration(time.time() - self.since)}"


class Locks:
    """The locks in `folder`."""

    def __init__(
        self,
        files: LockFiles,
        folder: str,
        *,
        wait_seconds: float = 0,
        beat_seconds: float = 15,
        stale_seconds: float = 120,
    ) -> None:
        self.files = files
        self.folder = folder
        self.wait_seconds = wait_seconds
        self.beat_seconds = beat_seconds
        self.stale_seconds = stale_seconds

    @classmethod
    def below(cls, spark: SparkSession, folder: str, lake: LakeSettings) -> Self:
        """Locks whose files are in `folder`/_locks, with the waiting times of the settings."""
        locks = f"{folder}/_locks"
        return cls(
            lock_files(spark, locks), locks, wait_seconds=lake.lock_wait_seconds,
            beat_seconds=lake.lock_heartbeat_seconds, stale_seconds=lake.lock_stale_seconds,
        )  # fmt: skip

    @contextlib.contextmanager
    def hold(self, name: str, wait_seconds: float | None = None) -> Iterator[None]:
        """Holds the lock `name`.

        Raises:
            LockHeld: another writer holds it and did not let go within `wait_seconds`; None: those of all locks here.
        """
        path = f"{self.folder}/{quote(name, safe='=,. ')}.lock"
        now = time.time()
        mine = Owner(_host(), os.getpid(), uuid.uuid4().hex, now, now)
        self._acquire(name, path, mine, self.wait_seconds if wait_seconds is None else wait_seconds)
        done = threading.Event()
        beat = threading.Thread(target=self._renew, args=(path, mine, done), daemon=True)
        beat.start()
        try:
            yield
        finally:
            done.set()
            beat.join()
            with self.files.guarded():
                if self._is_mine(path, mine):
                    self.files.delete(path)

    def _acquire(self, name: str, path: str, mine: Owner, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        while True:
            holder = self._try(path, mine)
            if holder is None:
                return
            if time.monotonic() >= deadline:
                raise LockHeld(
                    f"{name} is being written by {holder} (last seen {_duration(time.time() - holder.seen)} ago). "
                    f"Wait for it, or raise lake.lock_wait_seconds; if it is gone, its lock {path} "
                    f"lapses after {self.stale_seconds:g} s"
                )
            time.sleep(min(1.0, max(0.05, deadline - time.monotonic())))

    def _try(self, path: str, mine: Owner) -> Owner | None:
        """One attempt: None when the lock is ours now, else its holder."""
        with self.files.guarded():
            text = json.dumps(asdict(mine))
            if self.files.create(path, text):
                return None
            holder = _owner(self.files.read(path))
            if holder is None:  # its writer died before it had written its name, or is about to
                at = self.files.modified(path)
                holder = Owner("an unknown host", 0, "unreadable", at, at)
            if not self._is_stale(holder):
                return holder
            taken = self.files.retire(path, holder.token) and self.files.create(path, text)
            return None if taken else holder

    def _is_stale(self, holder: Owner) -> bool:
        if holder.host == _host() and not _alive(holder.pid):
            return True
        return time.time() - holder.seen > self.stale_seconds

    def _is_mine(self, path: str, mine: Owner) -> bool:
        holder = _owner(self.files.read(path))
        return holder is not None and holder.token == mine.token

    def _renew(self, path: str, mine: Owner, done: threading.Event) -> None:
        """Renews the locks every few seconds; a single missed heartbeat does no harm."""
        while not done.wait(self.beat_seconds):
            with contextlib.suppress(Exception), self.files.guarded():
                if self._is_mine(path, mine):
                    self.files.overwrite(path, json.dumps(asdict(replace(mine, seen=time.time()))))


def _owner(text: str | None) -> Owner | None:
    """The owner a lock file names; None for a file that is gone or half written."""
    try:
        return Owner(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        return None


def _host() -> str:
    """This host, and within it the process namespace: containers may share the name but not the process ids."""
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    return socket.gethostname()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _duration(seconds: float) -> str:
    seconds = max(0, round(seconds))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min {seconds % 60} s"


def lock_names(table: str, partition: Partition) -> list[str]:
    """One lock per combination of values, in an order that is the same for every process: none waits in a circle."""
    values = [[f"{column}={value}" for value in sorted(each(values))] for column, values in partition.items()]
    return [",".join([table, *some]) for some in itertools.product(*values)]
