"""One HTML page on one day: related products, rules, models, example customers, sales and data quality.

Reads silver and gold tables before `as_of`, shows what there is and says what is missing; writes
`<report.path>/<as_of>.html` and records it with the run. The file loads nothing from anywhere, so it can be mailed.
Deliberately not done here: computing anything that another step could have stored.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from cartograph.core.tables import schema
from cartograph.report import content, decisions, graph
from cartograph.report.render import report_html
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.places import resolve


def run(job: Job) -> None:
    """Writes the page of `job.as_of`."""
    page = Path(resolve(job.settings.path)) / f"{job.as_of}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    part = page.with_name(f".{page.name}.{os.getpid()}")  # whoever opens the page meanwhile sees a whole one
    part.write_text(report_html(collected(job)), encoding="utf-8")
    part.replace(page)
    job.metric("report_bytes", page.stat().st_size)
    job.tracking.log_file(page)
    job.progress.say(f"report: {page}")


def collected(job: Job) -> dict[str, Any]:
    """Everything the page shows, under the names its template uses."""
    assert job.as_of is not None
    settings, events, baskets = job.settings, job.read("silver.events"), job.read("silver.baskets")
    products = job.read("silver.products")
    facts = content.shop_facts(events, baskets, products)
    related = _of(job.read, job, "gold.related_products")
    rules = _of(job.read, job, "gold.rules")
    places = _of(job.read, job, "silver.communities")
    communities = graph.communities(places, settings.n_communities)
    shown = {
        "facts": facts,
        "sales": content.all_weeks(content.weekly_sales(events), facts["first_on"], facts["last_on"]),
        "n_rules": rules.count(),
        "rules": content.top_rules(rules, settings.n_rules),
        "neighbourhoods": content.neighbourhoods(related, baskets, settings.n_products, settings.n_related),
        "communities": communities,
        "community_map": graph.community_map(
            places, _of(job.read, job, "silver.product_graph"), communities, settings.n_nodes
        ),
        "bundles": graph.bundles(_of(job.read, job, "gold.bundles"), settings.n_rules),
        "customers": content.example_customers(
            _of(job.read, job, "gold.recommendations"), events, settings.n_customers, settings.n_related
        ),
        "evaluation": content.evaluations(_of(job.read_all, job, "gold.evaluation"), job.as_of),
        "fusion": decisions.fusion(_of(job.read, job, "gold.fusion")),
        "promotions": decisions.promotions(_of(job.read_all, job, "gold.promotions"), job.as_of),
        "audit": decisions.audit(_of(job.read, job, "gold.audit")),
        "ledger": content.ledger_totals(_of(job.read_all, job, "silver.ledger")),
        "reasons": content.quarantine_reasons(_of(job.read_all, job, "silver.quarantine")),
    }
    shown["titles"] = content.titles(products, content.product_ids(shown))
    shown["tables"] = [
        {"name": name, "version": job.tables.version(name), "comment": table.comment}
        for name, table in schema.TABLES.items()
        if job.tables.exists(name)
    ]
    days = {"as_of": str(job.as_of), "horizon_days": job.config.evaluate.horizon_days}
    return shown | days | {"k_fusion": job.config.rank.k}


def _of(read: Callable[[str], DataFrame], job: Job, name: str) -> DataFrame:
    """Rows of table `name`; none where no step has written it."""
    if job.tables.exists(name):
        return read(name)
    return job.spark.createDataFrame([], schema.table(name).columns)


if __name__ == "__main__":
    main("report", run, __doc__)
