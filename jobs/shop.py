"""The demo shop: raw files as a shop would export them, with the truth that was planted in them beside.

Writes events, products and users below `shop.path`, and the planted relations below `shop.path`/truth; reads nothing.
If the same shop is there already, nothing is generated. Deliberately not done here: cleaning anything (`ingest` and
`preprocess` get the dirt on purpose).
"""

from __future__ import annotations

from cartograph.core.errors import UserError
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.lock_files import lock_files
from cartograph.runtime.locks import Locks
from cartograph.runtime.places import resolve
from cartograph.shop.export import export
from cartograph.shop.plan import Plan

SOURCE = "shop"  # its declaration: conf/sources/shop.yml


def run(job: Job) -> None:
    """Generates the shop of the settings unless it is there."""
    settings = job.settings.model_dump()
    path = resolve(settings.pop("path"))
    try:
        plan = Plan(**settings)
    except ValueError as error:
        raise UserError(f"shop: {error}") from error
    with locks_of(job, path).hold("shop"):
        manifest = export(job.spark, plan, path)
    for name in ("n_events_written", "n_products_written", "n_users_written"):
        job.metric(name, manifest[name])


def locks_of(job: Job, path: str) -> Locks:
    """Two runs that make the same shop, for lakes of their own, would mix their files."""
    lake, folder = job.config.lake, f"{path}/_locks"
    return Locks(
        lock_files(job.spark, folder), folder, wait_seconds=lake.lock_wait_seconds,
        beat_seconds=lake.lock_heartbeat_seconds, stale_seconds=lake.lock_stale_seconds,
    )  # fmt: skip


if __name__ == "__main__":
    main("shop", run, __doc__)
