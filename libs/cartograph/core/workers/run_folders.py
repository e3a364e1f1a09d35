"""Folders of running programs, where all executors can read and write, that do not outlive them.

A program that ends removes its own folder. One that is killed cannot: so the next one removes what dead ones left.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from cartograph.core.workers.hadoop_files import beside_checkpoints, files_of, path_of

_ABANDONED_SECONDS = 7 * 86_400  # after so long without a change, a folder of another host is a dead program's


def own_folder(spark: SparkSession, purpose: str) -> str:
    """The folder of this program for `purpose`, made at the first call and removed when the program ends.

    Folders of the same purpose whose programs have died are removed before.
    """
    parent = beside_checkpoints(spark, purpose)
    remove_leftovers(spark, parent)
    folder = f"{parent}/{_signature(os.getpid())}"
    if files_of(spark, parent).mkdirs(path_of(spark, folder)) and folder not in _OWN:
        _OWN.add(folder)
        atexit.register(_removed_at_end, spark, folder)
    return folder


def remove_leftovers(spark: SparkSession, parent: str) -> list[str]:
    """Removes the folders in `parent` that belong to no living program; their names."""
    files, removed = files_of(spark, parent), []
    for status in files.globStatus(path_of(spark, f"{parent}/*")) or []:
        name = status.getPath().getName()
        if _is_dead(name, status.getModificationTime() / 1000):
            files.delete(status.getPath(), True)
            removed.append(name)
    return removed


_OWN: set[str] = set()


def _removed_at_end(spark: SparkSession, folder: str) -> None:
    with contextlib.suppress(Exception):  # Java may have ended first: then it is a leftover of ours
        files_of(spark, folder).delete(path_of(spark, folder), True)


def _signature(pid: int) -> str:
    """Host, process and when it started: no other process ever has the same."""
    return f"{socket.gethostname()}--{pid}--{_started(pid)}"


def _started(pid: int) -> str:
    """The start of a process in clock ticks since boot; empty if there is no such process, 0 where it is unknown."""
    if not Path("/proc/self/stat").exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return "0"
        return ""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    return ""


def _is_dead(name: str, changed_at: float) -> bool:
    """Whether the program that made the folder has ended."""
    host, _, rest = name.partition("--")
    pid, _, started = rest.partition("--")
    if host != socket.gethostname() or not pid.isdigit():
        return time.time() - changed_at > _ABANDONED_SECONDS
    now: Any = _started(int(pid))
    return bool(now != started)
