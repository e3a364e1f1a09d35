"""One writer per table partition, across processes and machines.

A lock is a small file, `<root>/_locks/<table>[,partition].lock`, that says who holds it. Its holder renews it every few
seconds; one that is not renewed any more, or whose process is dead on this very host, is stale and is taken over.

On a local file system every step is taken under an advisory `flock`, which the operating system drops when a process
dies. Elsewhere the Hadoop file system creates the file only if it is absent and renames a stale one away under a name
made from its token, so that one of several finders wins: atomic on HDFS, ABFS and GCS. On S3 two writers may pass
within milliseconds of each other; then Delta's own conflict check makes one of the two fail without harm.
Clocks of the hosts may differ by less than `lake.lock_stale_seconds`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from pyspark.sql import SparkSession

from cartograph.core.errors import UserError
from cartograph.runtime import places


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


class LockFiles(Protocol):
    """What a lock needs of a file system."""

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """No other process of this host takes a step meanwhile, where the system can say so."""

    def create(self, path: str, text: str) -> bool:
        """Makes the file; False when it is there."""

    def read(self, path: str) -> str | None:
        """Its content; None when it is not there."""

    def overwrite(self, path: str, text: str) -> None:
        """Replaces its content at once."""

    def retire(self, path: str, token: str) -> bool:
        """Takes the stale lock of `token` away; False when another process did."""

    def delete(self, path: str) -> None:
        """Removes the file."""


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

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Holds the lock `name`.

        Raises:
            LockHeld: another process holds it and did not let go within `wait_seconds`.
        """
        path = f"{self.folder}/{quote(name, safe='=,. ')}.lock"
        now = time.time()
        mine = Owner(_host(), os.getpid(), uuid.uuid4().hex, now, now)
        self._acquire(name, path, mine)
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

    def _acquire(self, name: str, path: str, mine: Owner) -> None:
        deadline = time.monotonic() + self.wait_seconds
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
            if holder is None or not self._is_stale(holder):
                return holder or replace(mine, host="an unknown host", pid=0)
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
        """Says every few seconds that the holder still works; one missed beat is no harm."""
        while not done.wait(self.beat_seconds):
            with contextlib.suppress(Exception), self.files.guarded():
                if self._is_mine(path, mine):
                    self.files.overwrite(path, json.dumps(asdict(replace(mine, seen=time.time()))))


class LocalFiles:
    """Lock files on this machine's file system."""

    def __init__(self, folder: str) -> None:
        self.guard = Path(folder) / ".guard"

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Holds an advisory lock on a file of the folder."""
        self.guard.parent.mkdir(parents=True, exist_ok=True)
        with self.guard.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def create(self, path: str, text: str) -> bool:
        """Makes the file with O_EXCL; False when it is there."""
        try:
            with Path(path).open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return False
        return True

    def read(self, path: str) -> str | None:
        """Its content; None when it is not there."""
        with contextlib.suppress(FileNotFoundError):
            return Path(path).read_text(encoding="utf-8")
        return None

    def overwrite(self, path: str, text: str) -> None:
        """Replaces its content at once: a process killed here leaves the old content."""
        part = Path(f"{path}.{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(path)

    def retire(self, path: str, token: str) -> bool:  # noqa: ARG002 (the guard makes the token needless)
        """Removes the file; nobody else can have done so under the guard."""
        self.delete(path)
        return True

    def delete(self, path: str) -> None:
        """Removes the file."""
        Path(path).unlink(missing_ok=True)


class HadoopFiles:
    """Lock files on any file system that Spark can write to."""

    def __init__(self, spark: SparkSession, folder: str) -> None:
        jvm: Any = spark._jvm
        self._path = jvm.org.apache.hadoop.fs.Path
        self._io = jvm.org.apache.hadoop.io.IOUtils
        self._bytes = jvm.java.io.ByteArrayOutputStream
        self._files = self._path(folder).getFileSystem(spark._jsc.hadoopConfiguration())

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """Nothing: these file systems know no advisory locks."""
        return contextlib.nullcontext()

    def create(self, path: str, text: str) -> bool:
        """Makes the file without overwriting; False when it is there."""
        try:
            self._write(path, text, overwrite=False)
        except Exception as error:
            if "exist" in str(error).lower():
                return False
            raise
        return True

    def read(self, path: str) -> str | None:
        """Its content; None when it is not there."""
        if not self._files.exists(self._path(path)):
            return None
        content, stream = self._bytes(), self._files.open(self._path(path))
        self._io.copyBytes(stream, content, 4096, True)
        return str(content.toString())

    def overwrite(self, path: str, text: str) -> None:
        """Replaces its content."""
        self._write(path, text, overwrite=True)

    def retire(self, path: str, token: str) -> bool:
        """Renames the file to a name of its token: the second to try finds that name taken."""
        gone = f"{path}.{token}"
        if self._files.exists(self._path(gone)) or not self._files.rename(self._path(path), self._path(gone)):
            return False
        self.delete(gone)
        return True

    def delete(self, path: str) -> None:
        """Removes the file."""
        self._files.delete(self._path(path), False)

    def _write(self, path: str, text: str, overwrite: bool) -> None:
        stream = self._files.create(self._path(path), overwrite)
        stream.write(bytearray(text, "utf-8"))
        stream.close()


def lock_files(spark: SparkSession, folder: str) -> LockFiles:
    """The lock files for a folder: Python's own on this machine, Hadoop's elsewhere."""
    return LocalFiles(folder) if places.is_local(folder) else HadoopFiles(spark, folder)


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
