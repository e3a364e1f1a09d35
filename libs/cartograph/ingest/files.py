"""Which files an input has, and the digest of each one's content."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from cartograph.core.errors import UserError

_READERS = 8  # files read at the same time for their digests


class InputNotFound(UserError):
    """There is nothing to read where the input should be."""


@dataclass(frozen=True)
class InputFile:
    """A file by its URI, as Spark's `_metadata.file_path` spells it, and the SHA-256 of its content."""

    uri: str
    name: str
    digest: str


def list_files(spark: SparkSession, path: str) -> list[InputFile]:
    """The data files at `path` (a file, a folder at any depth, or a glob), by name.

    Names that start with `_` or `.` are bookkeeping of the writer and left out, as Spark does. The digest is taken
    from the whole content: a file that was renamed, copied or touched is still the same file.

    Raises:
        InputNotFound: the path does not exist, or holds no data file.
    """
    jvm: Any = spark._jvm
    hadoop_path = jvm.org.apache.hadoop.fs.Path(path)
    file_system = hadoop_path.getFileSystem(spark._jsc.hadoopConfiguration())  # type: ignore[attr-defined]
    roots = file_system.globStatus(hadoop_path)
    if roots is None or len(roots) == 0:
        raise InputNotFound(f"there is nothing at {path}")
    found = [status for root in roots for status in _below(file_system, root)]
    if not found:
        raise InputNotFound(f"there is no data file in {path}")

    def digested(status: Any) -> InputFile:
        stream = file_system.open(status.getPath())
        try:
            digest = jvm.org.apache.commons.codec.digest.DigestUtils.sha256Hex(stream)
        finally:
            stream.close()
        return InputFile(status.getPath().toUri().toString(), status.getPath().getName(), digest)

    with ThreadPoolExecutor(_READERS) as readers:
        return sorted(readers.map(digested, found), key=lambda file: file.uri)


def _below(file_system: Any, status: Any) -> Sequence[Any]:
    """The data files at or below one file or folder."""
    if status.isFile():
        return [status]
    inside = [child for child in file_system.listStatus(status.getPath()) if child.getPath().getName()[0] not in "_."]
    return [file for child in inside for file in _below(file_system, child)]
