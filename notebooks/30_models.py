# Databricks notebook source
# MAGIC %md
# MAGIC # The models compared
# MAGIC
# MAGIC Lists that were made on an earlier day, evaluated on what customers did in the days after it: how good each
# MAGIC model is, for whom, how much of the catalogue it shows, how the lists were fused, and what a
# MAGIC recommendation's score consists of. Nothing is written.
# MAGIC
# MAGIC It runs on Databricks and, after `make demo`, locally: `.venv/bin/python notebooks/30_models.py`.
# MAGIC `CARTOGRAPH_ENV` (a file of `conf/`) and `CARTOGRAPH_SET` (settings that override it) say which tables.

# COMMAND ----------

import json
import os

import matplotlib.pyplot as plt
from pyspark.sql import functions as F

from cartograph.runtime.config import load_config
from cartograph.runtime.session import spark_session
from cartograph.runtime.tables import Tables

on_databricks = "DATABRICKS_RUNTIME_VERSION" in os.environ
environment = os.environ.get("CARTOGRAPH_ENV", "databricks" if on_databricks else "demo")
config = load_config(environment, os.environ.get("CARTOGRAPH_SET", "").split())
session = spark_session(config, "models")
tables = Tables.of(session, config)
as_of = tables.read("gold.recommendations").agg(F.max("as_of")).head()[0]
evaluated_on = tables.read("gold.evaluation").agg(F.max("as_of")).head()[0]
measured = tables.read("gold.evaluation", evaluated_on).persist()
K = measured.agg(F.max("k")).head()[0]

plt.rcParams.update({"figure.figsize": (9, 4.5), "axes.spines.top": False, "axes.spines.right": False, "font.size": 10})
COLOURS = ["#0b6b66", "#b4491f", "#4655a8", "#94700b", "#8b3a74", "#4f7a2a", "#2b7fb0", "#6d6a63"]


def values_of(metric: str, slice_name: str) -> dict[str, tuple[float, float, float]]:
    """Per model: value, low and high of a metric, the best model last."""
    rows = measured.where((F.col("metric") == metric) & (F.col("slice") == slice_name) & (F.col("k") == K)).collect()
    found = {}
    for row in rows:
        low, high = (row.value if end is None else end for end in (row.low, row.high))
        found[row.model] = (row.value, low, high)
    return dict(sorted(found.items(), key=lambda item: item[1][0]))


# COMMAND ----------
# MAGIC %md
# MAGIC ## How good the lists were
# MAGIC NDCG over all customers with a purchase, of products new to them, with 95 % intervals. Where intervals
# MAGIC overlap, look at the difference (`ndcg_behind_best` of `gold.evaluation`), which is paired and much narrower.

# COMMAND ----------

ndcg = values_of("ndcg", "all")
_, axes = plt.subplots(figsize=(9, 0.5 * len(ndcg) + 1.2))
for place, (value, low, high) in enumerate(ndcg.values()):
    axes.plot([low, high], [place, place], color="#c9c5ba", linewidth=6, solid_capstyle="butt")
    axes.plot(value, place, "o", color=COLOURS[0])
axes.set_yticks(range(len(ndcg)), list(ndcg))
axes.set(xlabel=f"NDCG@{K}", title=f"Lists of {evaluated_on}, {config.evaluate.horizon_days} days later")
axes.set_xlim(left=0)
plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## For whom
# MAGIC The same by slice: what is bought for the first time and what is bought again are two tasks, and so are best
# MAGIC sellers and the long tail.

# COMMAND ----------

slices = ["all", "repeats", "returning_users", "new_users", "head_products", "mid_products", "tail_products"]
by_slice = {name: values_of("ndcg", name) for name in slices}
by_slice = {name: values for name, values in by_slice.items() if values}
_, axes = plt.subplots()
for number, model in enumerate(reversed(ndcg)):
    heights = [values.get(model, (0.0, 0.0, 0.0))[0] for values in by_slice.values()]
    at = [place + number * 0.8 / len(ndcg) for place in range(len(by_slice))]
    axes.bar(at, heights, width=0.8 / len(ndcg), color=COLOURS[number % 8], label=model)
axes.set_xticks([place + 0.4 for place in range(len(by_slice))], [name.replace("_", "\n") for name in by_slice])
axes.set(ylabel=f"NDCG@{K}", title="By slice")
axes.legend(frameon=False)
plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## What it costs
# MAGIC A model that scores by recommending the same best sellers to everybody is at the upper left.

# COMMAND ----------

coverage = values_of("coverage", "all")
_, axes = plt.subplots()
for number, model in enumerate(ndcg):
    axes.scatter(coverage[model][0], ndcg[model][0], color=COLOURS[number % 8], s=40)
    axes.annotate(model, (coverage[model][0], ndcg[model][0]), xytext=(6, 3), textcoords="offset points")
axes.set(xlabel=f"share of the catalogue shown (coverage@{K})", ylabel=f"NDCG@{K}", title="Accuracy and variety")
plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## How the lists are fused
# MAGIC `rank` tries several methods on an earlier day. Reciprocal rank fusion is replaced only by one whose lead is
# MAGIC significant on held-out customers.

# COMMAND ----------

fusion = tables.read("gold.fusion", as_of).collect()
for row in fusion:
    print(f"{row.as_of}: {row.method}", f"learned from {row.learned_from}" if row.learned_from else "")
    print(row.reason)
    print({name: round(value, 4) for name, value in (row.ndcg or {}).items()})

shown = tables.read("gold.recommendations", as_of)
parts = F.from_json(F.get_json_object("evidence", "$.parts"), "map<string, double>")
weighty = (
    shown.select(F.explode(parts).alias("part", "value")).where("part NOT IN ('bias', 'other')")
    .groupBy("part").agg(F.avg(F.abs("value")).alias("mean"), F.count(F.lit(1)).alias("n"))
    .orderBy(F.desc(F.col("mean") * F.col("n")), "part").limit(15).collect()
)  # fmt: skip
_, axes = plt.subplots(figsize=(9, 0.35 * len(weighty) + 1.2))
axes.barh([row.part for row in reversed(weighty)], [row["mean"] for row in reversed(weighty)], color=COLOURS[2])
axes.set(xlabel="mean magnitude of its contribution to a score", title="The most frequent parts of scores")
plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## One customer's list, explained
# MAGIC Every row has a reason, and the numbers that sum to its score.

# COMMAND ----------

someone = shown.orderBy("user_id").head().user_id
names = {row.product_id: row.title or row.product_id
         for row in tables.read("silver.products", as_of).join(
             shown.where(F.col("user_id") == someone).select("product_id"), "product_id", "left_semi"
         ).collect()}  # fmt: skip
for row in shown.where(F.col("user_id") == someone).orderBy("rank").limit(5).collect():
    evidence = json.loads(row.evidence)
    total = sum(evidence["parts"].values())
    print(f"{row['rank']}. {names.get(row.product_id, row.product_id)}: {row.why}\n   {row.score:.4f} = {total:.4f} = "
          + " + ".join(f"{name} {value:.4f}" for name, value in evidence["parts"].items()))  # fmt: skip

# COMMAND ----------
# MAGIC %md
# MAGIC ## Audit and promotions
# MAGIC The audit proves that a day's tables contain nothing that was known only later; promotions
# MAGIC say which model should serve, and why.

# COMMAND ----------

for name in ("gold.audit", "gold.promotions", "gold.experiments"):
    if tables.exists(name):
        tables.read(name).orderBy(F.desc("as_of")).show(20, truncate=60)
    else:
        print(f"{name}: not made yet")
