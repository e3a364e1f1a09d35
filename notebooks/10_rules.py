# Databricks notebook source
# MAGIC %md
# MAGIC # Which rules are reliable
# MAGIC
# MAGIC A walk through the tables of the `rules` step: how many rules there are, how many are significant, how
# MAGIC they held up in later baskets, what changes with time, and what the guard did to the baskets.
# MAGIC Nothing is written.
# MAGIC
# MAGIC It runs on Databricks and, after `make demo`, locally: `.venv/bin/python notebooks/10_rules.py`.
# MAGIC `CARTOGRAPH_ENV` (a file of `conf/`) and `CARTOGRAPH_SET` (settings that override it) say which tables.

# COMMAND ----------

import os

import matplotlib.pyplot as plt
import numpy as np
from pyspark.sql import functions as F

from cartograph.core.statistics.rule_measures import MEASURES
from cartograph.core.tables.schema import columns_of
from cartograph.rules.guard import guard, summary
from cartograph.rules.mining import choose_engine, mine
from cartograph.rules.rule_evaluation import evaluated_rules, with_holdout
from cartograph.runtime.config import load_config
from cartograph.runtime.session import spark_session
from cartograph.runtime.tables import Tables

on_databricks = "DATABRICKS_RUNTIME_VERSION" in os.environ
environment = os.environ.get("CARTOGRAPH_ENV", "databricks" if on_databricks else "demo")
config = load_config(environment, os.environ.get("CARTOGRAPH_SET", "").split())
session = spark_session(config, "rules")
tables = Tables.of(session, config)
mining = config.rules.mining

plt.rcParams.update({"figure.figsize": (9, 3.6), "axes.spines.top": False, "axes.spines.right": False, "font.size": 10})
TEAL, RUST = "#0b6b66", "#b4491f"

# COMMAND ----------
# MAGIC %md
# MAGIC ## Baskets, made safe
# MAGIC A basket of twenty products that occurs three times has a million itemsets by itself. The guard checks the
# MAGIC baskets before they are mined and reports what it changed.

# COMMAND ----------

as_of = tables.read("gold.rules").agg(F.max("as_of")).head()[0]
baskets = tables.read("silver.baskets", as_of)
users = tables.read("silver.users") if tables.exists("silver.users") else None
guarded = guard(baskets, users, mining, config.rules.guard)
print(f"{environment}, as of {as_of}", *summary(guarded.report, mining.min_support), sep="\n")
print("engine: {}, because {}".format(*choose_engine(mining.engine)))

# COMMAND ----------
# MAGIC %md
# MAGIC ## From earlier baskets to later ones
# MAGIC Rules mined from the first three quarters of the time, evaluated on the last. A spurious rule falls
# MAGIC back to a lift of 1; a real one keeps most of its lift.

# COMMAND ----------

seconds = F.unix_seconds("ordered_at")
middle = guarded.baskets.agg(F.percentile_approx(seconds, 0.75).alias("at")).head()["at"]
earlier = guarded.baskets.where(seconds < middle).persist()
later = guarded.baskets.where(seconds >= middle).persist()
itemsets = mine(earlier, guarded.mining).persist()
evaluated = evaluated_rules(itemsets, earlier, guarded.mining, config.rules.judging)
tested = with_holdout(evaluated, later).persist()
outcomes = tested.groupBy("is_significant", "is_redundant").agg(
    F.count("*").alias("rules"),
    F.round(F.median("lift"), 2).alias("lift"),
    F.round(F.median("holdout_lift"), 2).alias("lift later"),
)
print(f"{itemsets.count():,} itemsets, {tested.count():,} rules")
outcomes.orderBy("is_significant", "is_redundant").show()

# COMMAND ----------

points = tested.select("lift", "holdout_lift", "is_significant").where("holdout_lift > 0").limit(3000).toPandas()
figure, (left, right) = plt.subplots(1, 2)
for is_significant, colour, label in ((False, RUST, "not significant"), (True, TEAL, "significant")):
    chosen = points[points["is_significant"] == is_significant]
    left.scatter(chosen["lift"], chosen["holdout_lift"], s=12, color=colour, alpha=0.6, label=label)
left.axline((1, 1), (10, 10), color="grey", linewidth=0.7)
left.set(xscale="log", yscale="log", xlabel="lift when made", ylabel="lift afterwards", title="Do rules last?")
left.legend(frameon=False)

q_values = np.sort(np.array([row.q_value for row in tested.select("q_value").limit(20_000).collect()]))
right.step(q_values, np.arange(1, len(q_values) + 1), color=TEAL)
right.axvline(config.rules.judging.level, color=RUST, linewidth=1)
right.set(xlabel="q value", ylabel="rules up to it", title="How many are significant", xlim=(0, 1))
figure.tight_layout()
plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## The rules of the table
# MAGIC Significant rules that improve on every simpler one, by falling leverage. Every measure of
# MAGIC `core/statistics/rule_measures.py` is a column.

# COMMAND ----------

rules = tables.read("gold.rules", as_of)
names = tables.read("silver.products").select("product_id", F.coalesce("title", "product_id").alias("title"))
titles = dict(
    map(
        tuple,
        names.join(
            rules.select(F.explode(F.concat("antecedent", "consequent")).alias("product_id")).distinct(), "product_id"
        )
        .limit(5000)
        .collect(),
    )
)
best = rules.where("not is_redundant").orderBy(F.desc("leverage"), "antecedent", "consequent").limit(15).collect()
for rule in best:
    sides = [" + ".join(titles.get(item, item) for item in side) for side in (rule.antecedent, rule.consequent)]
    print(f"{sides[0]} => {sides[1]}: {rule.n_baskets} baskets, confidence {rule.confidence:.2f}, lift {rule.lift:.1f}")

# COMMAND ----------
# MAGIC %md
# MAGIC ## Which measures are redundant
# MAGIC Spearman correlations between measures over the rules: pick one from each block, not five from one.

# COMMAND ----------

known = [name for name in MEASURES if name in columns_of("gold.rules")]
values = rules.select(*known).limit(5000).toPandas().replace([np.inf, -np.inf], np.nan).astype(float)
correlations = values.corr("spearman").fillna(0.0)
figure, axes = plt.subplots(figsize=(7, 6))
image = axes.imshow(correlations, vmin=-1, vmax=1, cmap="BrBG")
axes.set_xticks(range(len(known)), known, rotation=90, fontsize=8)
axes.set_yticks(range(len(known)), known, fontsize=8)
figure.colorbar(image, shrink=0.8)
figure.tight_layout()
plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## Rules on the move
# MAGIC Rising and fading rules (Cochran-Armitage, corrected for the number of rules), and seasonal rules.

# COMMAND ----------

moving = rules.where("trend <> 'steady' or peak_month is not null")
moving.orderBy(F.desc(F.abs("trend_per_year"))).select(
    F.array_join("antecedent", " + ").alias("if"),
    F.array_join("consequent", " + ").alias("then"),
    "trend",
    F.round("trend_per_year", 3).alias("per_year"),
    "peak_month",
).show(10, truncate=50)

# COMMAND ----------
# MAGIC %md
# MAGIC ## High-utility itemsets, and rules between brands and categories

# COMMAND ----------

for name, order in (("gold.high_utility_itemsets", "utility"), ("gold.generalised_rules", "interest")):
    if tables.exists(name):
        tables.read(name, as_of).orderBy(F.desc(order)).drop("as_of").show(10, truncate=60)
