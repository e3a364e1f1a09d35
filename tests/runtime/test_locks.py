"""One writer at a time; locks of the dead are taken over, by one only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.runtime.lock_files import HadoopFiles, LocalFiles, LockFiles, lock_files
from cartograph.runtime.locks import LockHeld, Locks, Owner, _host


@pytest.fixture(params=["local", "hadoop"])
def files(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> LockFiles:
    """Both kinds of lock files, in the same folder."""
    return LocalFiles(str(tmp_path)) if request.param == "local" else HadoopFiles(spark, str(tmp_path))


def left_behind(folder: Path, owner: Owner, name: str = "t") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.lock").write_text(json.dumps(asdict(owner)))


def owner(host: str = "elsewhere", pid: int = 1, seen_ago: float = 0) -> Owner:
    return Owner(host, pid, "token", time.time() - 300, time.time() - seen_ago)


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_second_writer_is_refused_with_owner_and_age_and_another_name_is_free(
    files: LockFiles, tmp_path: Path
) -> None:
    locks = Locks(files, str(tmp_path))
    with locks.hold("gold.rules,as_of=2011-11-01"), locks.hold("gold.rules,as_of=2011-12-01"):
        with pytest.raises(LockHeld) as caught, locks.hold("gold.rules,as_of=2011-11-01"):
            pass
        for part in ("gold.rules,as_of=2011-11-01", f"process {os.getpid()} on {socket.gethostname()}", "since 0 s"):
            assert part in str(caught.value)
    with locks.hold("gold.rules,as_of=2011-11-01"):
        pass
    assert list(tmp_path.glob("*.lock*")) == []


def test_a_lock_is_let_go_when_its_block_fails(files: LockFiles, tmp_path: Path) -> None:
    locks = Locks(files, str(tmp_path))
    with pytest.raises(RuntimeError), locks.hold("t"):
        raise RuntimeError
    with locks.hold("t"):
        pass


def test_the_lock_of_a_dead_process_of_this_host_is_taken_over_at_once(files: LockFiles, tmp_path: Path) -> None:
    left_behind(tmp_path, owner(_host(), dead_process()))
    with Locks(files, str(tmp_path)).hold("t"):
        assert json.loads((tmp_path / "t.lock").read_text())["pid"] == os.getpid()
    assert list(tmp_path.glob("*.lock*")) == []


def test_the_lock_of_another_host_is_kept_until_it_is_not_renewed_any_more(files: LockFiles, tmp_path: Path) -> None:
    locks = Locks(files, str(tmp_path), stale_seconds=60)
    left_behind(tmp_path, owner(seen_ago=59))
    with pytest.raises(LockHeld, match=r"process 1 on elsewhere, since 5 min 0 s .last seen 59 s ago"), locks.hold("t"):
        pass
    left_behind(tmp_path, owner(seen_ago=61))
    with locks.hold("t"):
        pass


def test_of_many_that_find_the_same_stale_lock_one_at_a_time_takes_it(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    left_behind(tmp_path, owner(_host(), dead_process()))
    inside, most, lock, won = 0, 0, threading.Lock(), []

    def writer() -> None:
        nonlocal inside, most
        try:
            with Locks(files, str(tmp_path)).hold("t"):
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.5)
                with lock:
                    inside -= 1
            won.append(True)
        except LockHeld:
            won.append(False)

    threads = [threading.Thread(target=writer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert sorted(won)[-1] is True


def test_a_stale_lock_is_renamed_away_once_and_its_successor_is_left_alone(spark: SparkSession, tmp_path: Path) -> None:
    files, path = HadoopFiles(spark, str(tmp_path)), str(tmp_path / "t.lock")
    assert files.create(path, "stale")
    (tmp_path / "t.lock.token").write_text("the name that the first finder has renamed it to")
    assert not files.retire(path, "token")
    assert files.read(path) == "stale"
    (tmp_path / "t.lock.token").unlink()
    assert files.retire(path, "token")
    assert files.read(path) is None
    assert files.create(path, "successor")
    assert not files.create(path, "too late")


def test_a_holder_renews_its_lock_and_does_not_touch_that_of_a_successor(files: LockFiles, tmp_path: Path) -> None:
    locks = Locks(files, str(tmp_path), beat_seconds=0.05)
    with locks.hold("t"):
        first = json.loads((tmp_path / "t.lock").read_text())
        deadline = time.monotonic() + 20
        while json.loads((tmp_path / "t.lock").read_text() or "{}").get("seen") in {first["seen"], None}:
            assert time.monotonic() < deadline, "the lock is not renewed"
            time.sleep(0.02)
        left_behind(tmp_path, replace(owner(), token="successor"))
    assert json.loads((tmp_path / "t.lock").read_text())["token"] == "successor"


@pytest.mark.parametrize(("of_all", "of_this_one"), [(30, None), (0, 30)])
def test_a_writer_that_may_wait_gets_the_lock_when_it_is_free(
    tmp_path: Path, of_all: float, of_this_one: float | None
) -> None:
    locks = Locks(LocalFiles(str(tmp_path)), str(tmp_path), wait_seconds=of_all)
    held, entered = threading.Event(), []

    def first() -> None:
        with locks.hold("t"):
            held.set()
            time.sleep(0.3)
            entered.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    with locks.hold("t", of_this_one):
        entered.append("second")
    thread.join()
    assert entered == ["first", "second"]


def test_a_half_written_lock_file_counts_as_held_until_it_is_old(files: LockFiles, tmp_path: Path) -> None:
    file, locks = tmp_path / "t.lock", Locks(files, str(tmp_path), stale_seconds=60)
    file.write_text("{")
    with pytest.raises(LockHeld, match="an unknown host"), locks.hold("t"):
        pass
    os.utime(file, (time.time() - 61, time.time() - 61))
    with locks.hold("t"):
        pass


def test_a_uri_gets_hadoop_s_file_system_and_a_path_python_s(spark: SparkSession, tmp_path: Path) -> None:
    assert isinstance(lock_files(spark, str(tmp_path)), LocalFiles)
    assert isinstance(lock_files(spark, f"file:{tmp_path}"), HadoopFiles)
