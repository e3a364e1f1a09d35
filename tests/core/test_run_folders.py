"""Folders of running programs are left alone, those of dead ones removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

from cartograph.core.workers.run_folders import own_folder, remove_leftovers


def test_what_a_killed_program_left_is_removed_by_the_next_one(spark: SparkSession, tmp_path: Path) -> None:
    """The folder is made by a process that is then killed; that of one still running is left alone."""
    code = (
        "import os, sys, time, pathlib; from cartograph.core.workers.run_folders import _signature;"
        "pathlib.Path(sys.argv[1], _signature(os.getpid())).mkdir(parents=True); print('made', flush=True);"
        "time.sleep(60)"
    )
    made = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for process in made:
            assert process.stdout is not None
            assert process.stdout.readline() == "made\n"
        os.kill(made[0].pid, signal.SIGKILL)
        made[0].wait()
        removed = remove_leftovers(spark, str(tmp_path))
        assert [f"--{made[0].pid}--" in name for name in removed] == [True]
        assert [f"--{made[1].pid}--" in path.name for path in tmp_path.iterdir()] == [True]
    finally:
        for process in made:
            process.kill()
            process.communicate()


def test_folders_of_other_hosts_are_left_alone_until_nothing_has_changed_for_a_week(
    spark: SparkSession, tmp_path: Path
) -> None:
    new, old = tmp_path / "elsewhere--12--34", tmp_path / "elsewhere--56--78"
    for folder in (new, old):
        folder.mkdir()
    eight_days_ago = time.time() - 8 * 86_400
    os.utime(old, (eight_days_ago, eight_days_ago))
    assert remove_leftovers(spark, str(tmp_path)) == [old.name]
    assert new.exists()


def test_a_program_has_one_folder_per_purpose_and_keeps_it(spark: SparkSession) -> None:
    folder = own_folder(spark, "trials")
    kept = Path(folder.removeprefix("file:"), "kept")
    kept.touch()
    assert own_folder(spark, "trials") == folder
    assert kept.exists()
