# Databricks notebook source
# MAGIC %md
# MAGIC # From orders to related products
# MAGIC
# MAGIC A first walk through the tables that a run of `jobs/pipeline.py` leaves: what was sold, which products go
# MAGIC together and why, what customers are recommended, and how good that was. Nothing is recomputed or written.
# MAGIC
# MAGIC It runs on Databricks and, after `make demo`, locally: `.venv/bin/python notebooks/00_quickstart.py`.
# MAGIC Two environment variables say which tables: `CARTOGRAPH_ENV` (a file of `conf/`) and `CARTOGRAPH_SET`
# MAGIC (settings that override it, such as `lake.root=/some/where`, separated by blanks).

# COMMAND ----------

import os

import matplotlib.pyplot as plt
import numpy as np
from pyspark.sql import functions as F

from cartograph.runtime.config import load_config
from cartograph.runtime.session import spark_session
from cartograph.runtime.tables import Tables

on_databricks = "DATABRICKS_RUNTIME_VERSION" in os.environ
environment = os.environ.get("CARTOGRAPH_ENV", "databricks" if on_databricks else "demo")
config = load_config(environment, os.environ.get("CARTOGRAPH_SET", "").split())
session = spark_session(config, "quickstart")
tables = Tables.of(session, config)

plt.rcParams.update({"figure.figsize": (9, 3.6), "axes.spines.top": False, "axes.spines.right": False, "font.size": 10})
TEAL, RUST = "#0b6b66", "#b4491f"

# COMMAND ----------
# MAGIC %md
# MAGIC ## The day
# MAGIC Gold tables hold one partition per `as_of`: what was known before that day, nothing later.

# COMMAND ----------

as_of = tables.read("gold.related_products").agg(F.max("as_of")).head()[0]
events = tables.read("silver.events", as_of)
baskets = tables.read("silver.baskets", as_of)
products = tables.read("silver.products").select("product_id", F.coalesce("title", "product_id").alias("title"))
counts = {"events": events.count(), "baskets": baskets.count(), "products": products.count()}
print(f"{environment}, as of {as_of}:", ", ".join(f"{n:,} {what}" for what, n in counts.items()))

# COMMAND ----------
# MAGIC %md
# MAGIC ## What was sold
# MAGIC Orders per week, and the number of products per basket. Baskets of one product contain no pairs.

# COMMAND ----------

week = F.date_trunc("week", "ordered_at").cast("date").alias("week")
weekly = baskets.groupBy(week).count().orderBy("week").toPandas()
sizes = baskets.groupBy(F.least(F.size("product_ids"), F.lit(30)).alias("size")).count().orderBy("size").toPandas()

figure, (left, right) = plt.subplots(1, 2)
left.fill_between(weekly["week"], weekly["count"], color=TEAL, alpha=0.15)
left.plot(weekly["week"], weekly["count"], color=TEAL)
left.set(title="Orders per week", ylim=(0, None))
left.tick_params(axis="x", rotation=30)
right.bar(sizes["size"], sizes["count"], color=TEAL)
right.set(title="Products in a basket (30: 30 or more)")
figure.tight_layout()
plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## What belongs with the best sellers
# MAGIC One ranked list per product, fused from all models, with the counts behind each row.

# COMMAND ----------

related = tables.read("gold.related_products", as_of)
associated = products.select(F.col("product_id").alias("associated_product_id"), F.col("title").alias("goes_with"))
best_sellers = (
    baskets.select(F.explode("product_ids").alias("product_id"))
    .groupBy("product_id")
    .count()
    .orderBy(F.desc("count"), "product_id")
    .limit(4)
)
shown = (
    related.where("relation = 'complement' AND rank <= 5")
    .join(best_sellers, "product_id")
    .join(products, "product_id")
    .join(associated, "associated_product_id")
    .orderBy(F.desc("count"), "product_id", "rank")
    .select("title", "rank", "goes_with", "why")
)
shown.show(20, truncate=70)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Rules by support and lift
# MAGIC Frequent rules are on the right, surprising ones at the top: those at the upper right edge are interesting.

# COMMAND ----------

if tables.exists("gold.rules"):
    rules = tables.read("gold.rules", as_of)
    sample = rules.orderBy(F.desc("leverage")).limit(2000).select("support", "lift", "confidence").toPandas()
    figure, axes = plt.subplots()
    dots = axes.scatter(sample["support"], sample["lift"], c=sample["confidence"], s=14, cmap="viridis", alpha=0.7)
    axes.set(xscale="log", yscale="log", xlabel="support (share of baskets)", ylabel="lift (times independence)")
    figure.colorbar(dots, label="confidence")
    plt.show()

# COMMAND ----------
# MAGIC %md
# MAGIC ## Recommendations for one customer
# MAGIC The customer with most reasons that name a purchase of their own.

# COMMAND ----------

recommendations = tables.read("gold.recommendations", as_of)
own = F.sum(F.when(F.col("why").startswith("You "), 1).otherwise(0))
customer = recommendations.groupBy("user_id").agg(own.alias("n")).orderBy(F.desc("n"), "user_id").head()["user_id"]
(
    recommendations.where(F.col("user_id") == customer)
    .join(products, "product_id")
    .orderBy("rank")
    .select("rank", "title", F.concat_ws(", ", "models").alias("models"), "why")
    .show(10, truncate=90)
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## How good the lists were
# MAGIC Lists made earlier, evaluated on what was bought afterwards. The lines are 95 % intervals: where two
# MAGIC overlap widely, the models cannot be distinguished.

# COMMAND ----------

if tables.exists("gold.evaluation"):
    evaluated = tables.read("gold.evaluation").where("slice = 'all' and metric = 'ndcg'")
    longest = evaluated.agg(F.max("k")).head()[0]
    newest = evaluated.where(F.col("as_of") < F.lit(as_of)).agg(F.max("as_of")).head()[0]
    values = evaluated.where((F.col("as_of") == newest) & (F.col("k") == longest)).orderBy("value").toPandas()
    figure, axes = plt.subplots()
    places = np.arange(len(values))
    axes.hlines(places, values["low"], values["high"], color=TEAL, linewidth=2)
    axes.plot(values["value"], places, "o", color=RUST)
    axes.set(yticks=places, yticklabels=values["model"], xlabel=f"NDCG@{longest} of the lists of {newest}")
    axes.set_xlim(left=0)
    plt.show()
