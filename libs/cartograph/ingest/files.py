"""Which files an input has, and the digest of each one's content."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from cartograph.core.errors import UserError
from cartograph.ingest.failures import cause

_READERS = 8  # Files read concurrently for their digests.


class InputNotFound(UserError):
    """There is nothing to read where the input should be."""


@dataclass(frozen=True)
class InputFile:
    """A file by its URI, as Spark's `_metadata.file_path` spells it, the SHA-256 of its content, its size and age.

    `written_at` is when it was last written, in seconds since 1970; None if its file system does not report it.
    """

    uri: str
    name: str
    digest: str
    n_bytes: int = 0
    written_at: float | None = None


def list_files(spark: SparkSession, path: str) -> list[InputFile]:
    """The data files at `path` (a file, a folder at any depth, or a glob), by name.

    Names that start with `_` or `.` belong to the writer and are left out, as in Spark. The digest covers the whole
    content: a file that was renamed, copied or touched is still the same file.

    Raises:
        InputNotFound: the path does not exist, holds no data file, or cannot be reached.
    """
    jvm: Any = spark._jvm
    try:
        hadoop_path = jvm.org.apache.hadoop.fs.Path(path)
        file_system = hadoop_path.getFileSystem(spark._jsc.hadoopConfiguration())
        found = _found(file_system, hadoop_path)
        with ThreadPoolExecutor(_READERS) as readers:
            return list(readers.map(lambda status: _digested(jvm, file_system, status), found))
    except Py4JJavaError as error:
        raise InputNotFound(f"{path} cannot be read: {cause(error)}") from error


def _found(file_system: Any, path: Any) -> list[Any]:
    """The data files that the path matches."""
    roots = file_system.globStatus(path)
    if roots is None or len(roots) == 0:
        raise InputNotFound(f"there is nothing at {path}")
    is_exact = len(roots) == 1 and roots[0].getPath().getName() == path.getName()
    found = [file for root in roots if is_exact or _is_data(root) for file in _below(file_system, root)]
    if not found:
        raise InputNotFound(f"there is no data file in {path}")
    # Not by URI: its spelling (`file:/a`, `file:///a`) depends on how the file was found.
    return sorted(found, key=lambda file: str(file.getPath().toUri().getPath()))


def _is_data(status: Any) -> bool:
    return status.getPath().getName()[0] not in "_."


def _below(file_system: Any, status: Any) -> Sequence[Any]:
    """The data files at or below one file or folder."""
    if status.isFile():
        return [status]
    inside = [child for child in file_system.listStatus(status.getPath()) if _is_data(child)]
    return [file for child in inside for file in _below(file_system, child)]


def _digested(jvm: Any, file_system: Any, status: Any) -> InputFile:
    """The file with the digest of its content, read in full."""
    path = status.getPath()
    stream = file_system.open(path)
    try:
        digest = jvm.org.apache.commons.codec.digest.DigestUtils.sha256Hex(stream)
    finally:
        stream.close()
    written_at = status.getModificationTime() / 1000 or None
    return InputFile(path.toUri().toString(), path.getName(), digest, status.getLen(), written_at)
