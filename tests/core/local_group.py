"""A worker group without Spark: its members are threads, joined by real connections."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from cartograph.core.workers.groups import Group


def groups_of(size: int, timeout_seconds: float = 30.0) -> list[Group]:
    """The members' views of one group, in order of rank."""
    ends: list[dict[int, Connection]] = [{} for _ in range(size)]
    for one in range(size):
        for other in range(one):
            ends[one][other], ends[other][one] = Pipe()
    return [Group(rank, dict(sorted(peers.items())), timeout_seconds) for rank, peers in enumerate(ends)]


def in_group(size: int, work: Callable[[Group], Any], timeout_seconds: float = 30.0) -> list[Any]:
    """What `work(group)` returns for every member, or the exception it raised."""

    def member(group: Group) -> Any:
        try:
            return work(group)
        except Exception as error:
            return error
        finally:
            group.close()

    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(member, groups_of(size, timeout_seconds)))
