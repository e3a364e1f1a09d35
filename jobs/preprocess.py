"""Makes silver.events, silver.baskets, silver.products and silver.users from the bronze batches that are new.

Reads   bronze.events, bronze.products, bronze.users, bronze.batches, and the silver rows that new ones touch
Writes  silver.quarantine, silver.events, silver.baskets, silver.products, silver.listings, silver.users, silver.ledger

If more rows or order lines of a source are implausible than `preprocess.limits` allows, its declaration must be wrong,
and the run stops before it has written anything. A batch is done when the ledger, which is written last, has it;
an interrupted run is repeated with the same result. If batches that silver has were ingested again, silver is
rebuilt completely. Not done here: returns do not change baskets, and an order whose lines have all moved to another
order keeps its basket (sources do not do that).
"""

from __future__ import annotations

from cartograph.preprocess import ledger, silver_rows
from cartograph.preprocess.increment import increment, pending_batches
from cartograph.preprocess.row_checks import check_rows
from cartograph.preprocess.settings import PreprocessSettings
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.key_fingerprint import remember_key, require_same_key


def run(job: Job) -> None:
    """Checks the new rows, stops if a source is misread, and otherwise writes the tables, the ledger last."""
    settings: PreprocessSettings = job.settings
    secret = job.secret("pseudonym_key")
    key = secret.encode()
    pending = pending_batches(job.read("bronze.batches"), job.tables.read_existing("silver.ledger"))
    if pending.is_again:
        job.progress.say("  batches were ingested again: silver is rebuilt completely")
    if pending.batches.isEmpty():
        job.progress.say("  nothing new in bronze")
        return
    require_same_key(job.tables, secret)
    with increment(job, pending) as update:
        checked = check_rows(update, key, settings, job.progress.say)
        remember_key(job.tables, secret)
        update.write("silver.quarantine", silver_rows.of_quarantine(update, checked, key))
        update.write("silver.events", silver_rows.of_events(update, checked, settings.session_gap_minutes))
        update.write("silver.baskets", silver_rows.of_baskets(update, checked))
        update.write("silver.products", silver_rows.of_products(update, checked))
        if update.is_first or update.has_new("products"):
            job.replace("silver.listings", silver_rows.of_listings(update, checked))
        update.write("silver.users", silver_rows.of_users(update, checked, key, settings.flags))
        entries = silver_rows.of_ledger(update, checked)
        totals = ledger.balanced_totals(entries)
        update.write("silver.ledger", entries)
        for name, value in totals.items():
            job.metric(name, value)


if __name__ == "__main__":
    main("preprocess", run, __doc__)
