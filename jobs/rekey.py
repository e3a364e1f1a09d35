"""Changes the key that user ids are hashed with: every table gets the pseudonyms of the new key.

Reads   bronze.events and bronze.users, whose ids show which old pseudonym is which new one; the tables with pseudonyms
Writes  these silver and gold tables, one after the other, and silver.key_fingerprints

The new key is the one that preprocess is given; the old one is CARTOGRAPH_OLD_PSEUDONYM_KEY, or the content of the file
that CARTOGRAPH_OLD_PSEUDONYM_KEY_FILE names. An interrupted run is repeated with the same keys: tables that are done
stay as they are, and preprocess refuses to run until it is complete. No other job may write meanwhile. Not done here:
removing files of older versions, which hold the old pseudonyms (`maintain` does, after its retention).
"""

from __future__ import annotations

import argparse

from cartograph.preprocess.increment import recorded_rows
from cartograph.preprocess.rekey import both_keys, check_known, holders, kept, names_under, renamed, renames
from cartograph.runtime import key_fingerprint
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of this job."""
    parser.add_argument("--leave-unknown", action="store_true", help="keep pseudonyms of neither key unchanged")


def run(job: Job) -> None:
    """Checks the keys and that every pseudonym is known, then rewrites table after table."""
    old, new = both_keys(job.config.preprocess)
    key_fingerprint.require_change(job.tables, old, new)
    raw = recorded_rows(job, "events"), recorded_rows(job, "users")
    with kept(renames(names_under(old, *raw), names_under(new, *raw))) as known:
        tables = {name: job.tables.read(name) for name in holders() if job.tables.exists(name)}
        check_known(tables, known.users, job.arguments.leave_unknown, job.progress.say)
        key_fingerprint.begin_change(job.tables, old, new)
        for name, rows in tables.items():
            job.replace(name, renamed(name, rows, known))
        key_fingerprint.end_change(job.tables, new)
        job.metric("n_renamed_users", known.users.count())


if __name__ == "__main__":
    main("rekey", run, __doc__, arguments)
