"""Lock files: created if absent, replaced whole, taken away once, on this machine and on anything Spark can write to.

On a local file system every step is taken under an advisory `flock`, which the operating system drops when a process
dies. Elsewhere the Hadoop file system creates the file only if it is absent and renames a stale one away under a name
made from its token, so that one of several finders wins: atomic on HDFS, ABFS and GCS. On S3 two writers may pass
within milliseconds of each other; then Delta's own conflict check makes one of the two fail without harm.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from cartograph.runtime import places

_MISSING = "java.io.FileNotFoundException"
_EXISTS = "FileAlreadyExistsException"


class LockFiles(Protocol):
    """What a lock needs of a file system."""

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """No other process of this host takes a step meanwhile, where the system can say so."""

    def create(self, path: str, text: str) -> bool:
        """Makes the file; False when it is there."""

    def read(self, path: str) -> str | None:
        """Its content; None when it is not there."""

    def modified(self, path: str) -> float:
        """When it was last written (unix seconds); now when it is not there."""

    def overwrite(self, path: str, text: str) -> None:
        """Replaces its content at once."""

    def retire(self, path: str, token: str) -> bool:
        """Takes the stale lock of `token` away; False when another process did."""

    def delete(self, path: str) -> None:
        """Removes the file."""


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
        """Makes the file, whole or not at all; False when it is there."""
        part = Path(f"{path}.{uuid.uuid4().hex}")
        part.write_text(text, encoding="utf-8")
        try:
            os.link(part, path)  # refuses to overwrite, unlike a rename
        except FileExistsError:
            return False
        finally:
            part.unlink()
        return True

    def read(self, path: str) -> str | None:
        """Its content; None when it is not there."""
        with contextlib.suppress(FileNotFoundError):
            return Path(path).read_text(encoding="utf-8")
        return None

    def modified(self, path: str) -> float:
        """When it was last written; now when it is not there."""
        with contextlib.suppress(FileNotFoundError):
            return Path(path).stat().st_mtime
        return time.time()

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
        self._files.setVerifyChecksum(False)

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """Nothing: these file systems know no advisory locks."""
        return contextlib.nullcontext()

    def create(self, path: str, text: str) -> bool:
        """Makes the file without overwriting; False when it is there."""
        try:
            self._write(path, text, overwrite=False)
        except Py4JJavaError as error:
            if _EXISTS in str(error):
                return False
            raise
        return True

    def read(self, path: str) -> str | None:
        """Its content; None when it is not there."""
        content = self._bytes()
        try:
            self._io.copyBytes(self._files.open(self._path(path)), content, 4096, True)
        except Py4JJavaError as error:
            if _MISSING in str(error):
                return None
            raise
        return str(content.toString())

    def modified(self, path: str) -> float:
        """When it was last written; now when it is not there."""
        try:
            return float(self._files.getFileStatus(self._path(path)).getModificationTime()) / 1000
        except Py4JJavaError as error:
            if _MISSING in str(error):
                return time.time()
            raise

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
