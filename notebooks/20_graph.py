# Databricks notebook source
# MAGIC %md
# MAGIC # The product graph
# MAGIC
# MAGIC A walk through what the `graph` step makes: which edges are significant, which communities products form,
# MAGIC what surrounds one product, and how products are related. Where the step has not run, the graph is
# MAGIC made here; nothing is written.
# MAGIC
# MAGIC It runs on Databricks and, after `make demo`, locally: `.venv/bin/python notebooks/20_graph.py`.
# MAGIC `CARTOGRAPH_ENV` (a file of `conf/`) and `CARTOGRAPH_SET` (settings that override it) say which tables.

# COMMAND ----------

import os

import matplotlib.pyplot as plt
import networkx as nx
from matplotlib.collections import LineCollection
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.views.product_sets import of_shoppers
from cartograph.graph.analytics.bundles import bundles
from cartograph.graph.analytics.by_graphframes import graph_of
from cartograph.graph.analytics.positions import positions
from cartograph.graph.building.product_graph import product_graph
from cartograph.graph.relations.rules import relations
from cartograph.graph.settings import AnalyticsSettings
from cartograph.runtime.config import load_config
from cartograph.runtime.session import spark_session
from cartograph.runtime.tables import Tables

on_databricks = "DATABRICKS_RUNTIME_VERSION" in os.environ
environment = os.environ.get("CARTOGRAPH_ENV", "databricks" if on_databricks else "demo")
config = load_config(environment, os.environ.get("CARTOGRAPH_SET", "").split())
session = spark_session(config, "graph")
tables = Tables.of(session, config)
as_of = tables.read("gold.recommendations").agg(F.max("as_of")).head()[0]
N_SHOWN = 120  # Products in a picture: more are unreadable.

plt.rcParams.update({"figure.figsize": (9, 6), "axes.spines.top": False, "axes.spines.right": False, "font.size": 10})
COLOURS = ["#0b6b66", "#b4491f", "#4655a8", "#94700b", "#8b3a74", "#4f7a2a", "#2b7fb0", "#6d6a63"]

# COMMAND ----------
# MAGIC %md
# MAGIC ## Edges
# MAGIC An edge has counts (orders and sessions with both products), how significant they are (`npmi`; `chance` is the
# MAGIC number of edges as unlikely as this one that are expected at random), and which of the two came first.

# COMMAND ----------

made = tables.exists("silver.product_graph") and not tables.read("silver.product_graph", as_of).isEmpty()
users = tables.read("silver.users", as_of) if tables.exists("silver.users") else None
silver = Silver(*(tables.read(f"silver.{name}", as_of) for name in ("events", "baskets", "products")), users=users)
shoppers = of_shoppers(silver)
built = tables.read("silver.product_graph", as_of) if made else product_graph(shoppers, config.graph.building)
edges = built.persist()
names = dict(
    map(tuple, silver.products.select("product_id", F.coalesce("title", "product_id")).limit(20_000).collect())
)
print(f"{environment}, as of {as_of}: {edges.count():,} edges, {'of the graph step' if made else 'made here'}")
edges.orderBy(F.desc("weight")).select("src", "dst", "n_orders", "n_views", "lift", "chance", "forward_share").show(8)

_, axes = plt.subplots(figsize=(9, 3.4))
strengths = [row.npmi for row in edges.where("n_orders > 0").select("npmi").limit(20_000).collect()]
axes.hist(strengths, bins=40, color=COLOURS[0])
axes.set(xlabel="npmi of orders: 0 is independent, 1 always together", ylabel="edges", title="How strong edges are")
plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## Communities
# MAGIC Products that are bought and viewed together more often than with others. Each dot is one of the most central
# MAGIC products (PageRank), each colour a community, lines are the strongest edges.

# COMMAND ----------

known = tables.read("silver.communities", as_of) if made and tables.exists("silver.communities") else None
if known is None or known.isEmpty():
    known = positions(graph_of(edges), AnalyticsSettings(run=("communities", "pagerank")), None, as_of, print)
known = known.persist()
largest = known.groupBy("community_id").agg(F.count("*").alias("products")).orderBy(F.desc("products"), "community_id")
colour_of = {row.community_id: COLOURS[place % 8] for place, row in enumerate(largest.limit(40).collect())}
central = known.orderBy(F.desc_nulls_last("pagerank"), "product_id").limit(N_SHOWN).collect()
shown = {row.product_id: row for row in central}
ends = edges.where(F.col("src").isin(list(shown)) & F.col("dst").isin(list(shown))).orderBy(F.desc("weight"))
lines = ends.select("src", "dst", "weight").limit(4 * N_SHOWN).collect()


def picture(products: list[str], lines: list, colours: list[str], title: str, named: set[str]) -> None:
    """Draws products as dots and edges as lines, springs along the edges."""
    graph = nx.Graph()
    graph.add_nodes_from(products)
    graph.add_weighted_edges_from((one.src, one.dst, one.weight) for one in lines)
    at = nx.spring_layout(graph, seed=7, k=1.6 / max(len(products), 1) ** 0.5)
    _, axes = plt.subplots()
    segments = [(at[one], at[other]) for one, other in graph.edges]
    axes.add_collection(LineCollection(segments, colors="#c9c5ba", linewidths=0.7, zorder=1))
    axes.scatter(*zip(*(at[name] for name in products), strict=True), s=26, c=colours, zorder=2)
    for name in named:
        axes.annotate(names.get(name, name)[:28], at[name], xytext=(5, 3), textcoords="offset points", fontsize=8)
    axes.set_title(title)
    axes.set_axis_off()
    plt.show()


first_of: dict[str, str] = {}
for row in central:
    first_of.setdefault(row.community_id, row.product_id)
hues = [colour_of.get(row.community_id, "#c9c5ba") for row in central]
picture(list(shown), lines, hues, f"The {len(shown)} most central products", set(list(first_of.values())[:12]))
largest.show(8, truncate=60)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Around one product
# MAGIC The most central product, its strongest edges, and the edges among those.

# COMMAND ----------

middle = central[0].product_id
near = [row.dst for row in edges.where(F.col("src") == middle).orderBy(F.desc("weight"), "dst").limit(14).collect()]
around = [middle, *near]
links = edges.where(F.col("src").isin(around) & F.col("dst").isin(around)).select("src", "dst", "weight").collect()
picture(around, links, [COLOURS[1], *[COLOURS[0]] * len(near)], f"Around {names.get(middle, middle)}", set(around))

# COMMAND ----------
# MAGIC %md
# MAGIC ## Bundles
# MAGIC Three or four products that are all bought with each other.

# COMMAND ----------

sets = tables.read("gold.bundles", as_of) if made and tables.exists("gold.bundles") else None
sets = sets if sets is not None else bundles(graph_of(edges), shoppers.baskets, config.graph.bundles)
for row in sets.orderBy(F.desc("n_orders"), "product_ids").limit(6).collect():
    print(f"{row.n_orders} orders, lift {row.lift:.1f}: " + " + ".join(names.get(one, one) for one in row.product_ids))

# COMMAND ----------
# MAGIC %md
# MAGIC ## How products are related
# MAGIC Complement, substitute, variant, repeat: by rules that can be checked, with the counts behind them.

# COMMAND ----------

typed = tables.read("gold.relations", as_of) if made and tables.exists("gold.relations") else None
typed = typed if typed is not None else relations(edges, shoppers, config.graph.relations)
typed.groupBy("relation").count().orderBy("relation").show()
for row in typed.orderBy(F.desc("score"), "src", "dst").limit(6).collect():
    print(f"{row.relation}: {names.get(row.src, row.src)} -> {names.get(row.dst, row.dst)}\n    {row.evidence}")
