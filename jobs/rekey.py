"""Changes the key that user ids are hashed with: every table gets the pseudonyms of the new key.

Reads   bronze.events and bronze.users, whose ids tell which old pseudonym is which new one; the tables that hold some
Writes  these silver and gold tables, one after the other, and silver.key_fingerprints

The new key is the one that preprocess is given; the old one is CARTOGRAPH_OLD_PSEUDONYM_KEY, or the content of the file
that CARTOGRAPH_OLD_PSEUDONYM_KEY_FILE names. A run that was ended is started again with both: tables that are done stay
as they are, and until it ends preprocess refuses to run. No other job may write meanwhile. Deliberately not done here:
removing files of older versions, which hold the old pseudonyms (`maintain` does, after its retention).
"""

from __future__ import annotations

import argparse
from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table
from cartograph.preprocess.events import identified_events
from cartograph.preprocess.raw_rows import Apart, apart
from cartograph.preprocess.rekey import Renames, holders, renamed, renames, unknown
from cartograph.preprocess.users import judged_users
from cartograph.runtime import key_fingerprint
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def arguments(parser: argparse.ArgumentParser) -> None:
    """What this job asks for besides the usual."""
    parser.add_argument("--leave-unknown", action="store_true", help="leave pseudonyms of neither key as they are")


def run(job: Job) -> None:
    """Checks the keys and that every pseudonym is known, then rewrites table after table."""
    old, new = keys(job)
    key_fingerprint.require_change(job.tables, old, new)
    pairs = renames(hashed(job, old), hashed(job, new))
    known = Renames(*(frame.persist(StorageLevel.DISK_ONLY) for frame in (pairs.users, pairs.events)))
    try:
        names = [name for name in holders() if job.tables.exists(name)]
        refuse_unknown(job, names, known)
        key_fingerprint.begin_change(job.tables, old, new)
        for name in names:
            job.replace(name, renamed(name, job.tables.read(name), known))
        key_fingerprint.end_change(job.tables, new)
        job.metric("n_renamed_users", known.users.count())
    finally:
        known.users.unpersist()
        known.events.unpersist()


def keys(job: Job) -> tuple[str, str]:
    """The old key and the new one."""
    old, new = job.config.preprocess.old_pseudonym_key, job.config.preprocess.pseudonym_key
    for secret, name in ((old, "CARTOGRAPH_OLD_PSEUDONYM_KEY"), (new, "CARTOGRAPH_PSEUDONYM_KEY")):
        if secret is None:
            raise UserError(f"rekey wants both keys: give this one in {name}, or name a file in {name}_FILE")
    assert old is not None
    assert new is not None
    return old.get_secret_value(), new.get_secret_value()


def hashed(job: Job, key: str) -> DataFrame:
    """row_id, user_id and event_id of all raw rows under a key."""
    hidden = key.encode()
    events = [identified_events(rows, cleaning, hidden) for rows, cleaning in bronze(job, "events")]
    users = [
        judged_users(rows, hidden, cleaning).withColumn("event_id", F.lit(None).cast("string"))
        for rows, cleaning in bronze(job, "users")
    ]
    return reduce(DataFrame.unionByName, [rows.select("row_id", "user_id", "event_id") for rows in events + users])


def bronze(job: Job, target: str) -> Apart:
    """All rows of a bronze table."""
    name = f"bronze.{target}"
    rows = job.read(name) if job.tables.exists(name) else job.spark.createDataFrame([], table(name).columns)
    return apart(rows, job.tables.read("bronze.batches", target=target))


def refuse_unknown(job: Job, names: list[str], known: Renames) -> None:
    """Stops, before anything is written, where a table holds pseudonyms that bronze has no id for."""
    found = unknown({name: job.tables.read(name) for name in names}, known.users)
    if not found:
        return
    told = "pseudonyms that no id of bronze explains under either key:\n" + "\n".join(f"  - {each}" for each in found)
    if not job.arguments.leave_unknown:
        raise UserError(f"{told}\nWith --leave-unknown they stay as they are; nothing was written")
    job.progress.say(told)


if __name__ == "__main__":
    main("rekey", run, __doc__, arguments)
