"""The demo shop: raw files as a shop would export them, and the ground truth planted in them.

Writes events, products and users below `shop.path`, and the planted relations below `shop.path`/truth; reads nothing.
If the same shop exists already, nothing is generated. Not done here: cleaning (the dirt is meant for `ingest` and
`preprocess`).
"""

from __future__ import annotations

from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.locks import Locks
from cartograph.runtime.places import resolve
from cartograph.shop.export import export
from cartograph.shop.plan import Plan
from cartograph.shop.settings import ShopSettings

SOURCE = "shop"  # Its declaration is conf/sources/shop.yml.


def run(job: Job) -> None:
    """Generates the shop of the settings unless it is there."""
    settings: ShopSettings = job.settings
    path = resolve(settings.path)
    # Two runs for different lakes that make the same shop would mix their files.
    with Locks.below(job.spark, path, job.config.lake).hold("shop"):
        manifest = export(job.spark, Plan(settings), path)
    for name in ("n_events_written", "n_products_written", "n_users_written"):
        job.metric(name, manifest[name])


if __name__ == "__main__":
    main("shop", run, __doc__)
