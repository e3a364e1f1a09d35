"""Node classification and link prediction by GCN and GAT on a public co-purchase graph.

    python -m benchmarks.graph --npz amazon_electronics_photo.npz --model gcn

The file holds sparse matrices of adjacency and features as the public Amazon graphs do (Shchur et al. 2018): adj_data,
adj_indices, adj_indptr, adj_shape, the same with attr_, and labels. The graph is made undirected and free of loops.

`accuracy`: 20 products per class are trained on and 30 per class validated on, the rest is the test; mean of `--runs`
draws. `link_auc`: 10 % of the edges are held out, with the same number of pairs without an edge; the model learns from
the other edges, and pairs are scored by the cosine of their vectors. Nothing is chosen by the result.

`--peers` classifies by the same convolution of torch_geometric, with the same draws, width, epochs and patience.
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from pyspark.sql import DataFrame, SparkSession

from benchmarks.graph_files import Longs, read_graph, split
from benchmarks.harness import PeakMemory, Stopwatch, print_result, run_peer, spark_session
from cartograph.core.search.topk import vectors_of
from cartograph.core.training.feed import materialised
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.trainer import train
from cartograph.graph.networks.classification_task import ClassificationTask
from cartograph.graph.networks.customer_rows import CustomerRows
from cartograph.graph.networks.inference import computed_vectors
from cartograph.graph.networks.product_encoder import ProductEncoding
from cartograph.graph.networks.recommendation_task import RecommendationTask
from cartograph.graph.settings import GatSettings, GcnSettings, GraphTrainingSettings

BACKEND = "arrow"


def main() -> None:
    """Runs both tasks with one model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npz", required=True)
    parser.add_argument("--model", required=True, choices=("gcn", "gat"))
    parser.add_argument("--runs", type=int, default=3, help="random splits of the products")
    parser.add_argument("--epochs", type=int, default=100, help="of classification")
    parser.add_argument("--link-epochs", type=int, default=10, help="of link prediction, in steps of 8,192 edges")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--fanout", type=int, default=0, help="neighbours sampled per product; 0: all")
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    adjacency, features, labels = read_graph(options.npz)
    with watch("setup"):
        spark = spark_session("graph", ["spark.driver_memory=3g"])
        spark.range(4).repartition(2).mapInArrow(lambda batches: batches, "id long").count()
    with watch("classification"):
        accuracies = [accuracy(spark, adjacency, features, labels, options, run) for run in range(options.runs)]
    with watch("links"):
        auc = link_auc(spark, adjacency, features, options)
    seconds = watch.seconds
    metrics = {
        "accuracy": round(float(np.mean(accuracies)), 4),
        "accuracy_std": round(float(np.std(accuracies)), 4),
        "link_auc": round(auc, 4),
    }
    print_result(
        f"graph {options.model}", "torch", metrics, seconds["classification"] + seconds["links"], seconds["setup"],
        memory, peers_of(options) if options.peers else {}, classification_seconds=seconds["classification"],
        link_seconds=seconds["links"], n_products=len(labels), n_edges=adjacency.nnz // 2,
    )  # fmt: skip
    spark.stop()


def peers_of(options: argparse.Namespace) -> dict[str, dict[str, Any] | None]:
    """What the public implementation takes and reaches."""
    names = ("npz", "model", "runs", "epochs", "width")
    arguments = [f"--{name}={getattr(options, name)}" for name in names]
    threads = len(os.sched_getaffinity(0))
    return {"torch_geometric": run_peer("benchmarks.peers.torch_geometric_nodes", [*arguments, f"--threads={threads}"])}


def encoding_of(
    spark: SparkSession, edges: sp.coo_matrix, features: sp.csr_matrix, options: argparse.Namespace, stack: ExitStack,
    dropout: float,
) -> ProductEncoding:  # fmt: skip
    """The encoder of the graph with those edges (given both ways), by features alone."""
    columns = {
        "src": pa.array(edges.row.astype(np.int32)),
        "dst": pa.array(edges.col.astype(np.int32)),
        "weight": pa.array(edges.data.astype(np.float32)),
    }
    graph = stack.enter_context(materialised(spark.createDataFrame(pa.table(columns)), 1, BACKEND))
    codes = pa.array(np.arange(features.shape[0], dtype=np.int32))
    rows = {"code": codes, "words": pa.array([[-1]] * features.shape[0], pa.list_(pa.int32()))}
    scaled = features.toarray().astype(np.float32)
    scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)
    table = pa.table({**rows, "vector": vectors_of(scaled)})
    described = stack.enter_context(materialised(spark.createDataFrame(table), 1, BACKEND))
    kind = GatSettings if options.model == "gat" else GcnSettings
    settings = kind(width=options.width, dropout=dropout, cold_share=0.0, fanout=options.fanout)
    digest = f"{graph.digest} {described.digest}"
    return ProductEncoding(settings, features.shape[0], features.shape[1], (), digest, graph, described)


def labelled(spark: SparkSession, nodes: Longs, labels: Longs) -> DataFrame:
    """One row per product: code, label."""
    columns = {"code": pa.array(nodes.astype(np.int32)), "label": pa.array(labels[nodes].astype(np.int32))}
    return spark.createDataFrame(pa.table(columns))


def accuracy(
    spark: SparkSession, adjacency: sp.csr_matrix, features: sp.csr_matrix, labels: Longs, options: argparse.Namespace,
    run: int,
) -> float:  # fmt: skip
    """The accuracy on test products, of the weights with the best accuracy on validation products."""
    trained, validated, tested = split(labels, run)
    training = TrainingConfig(
        epochs=options.epochs, batch_size=len(trained), learning_rate=0.01, weight_decay=0.01, patience=50,
        warmup_steps=0, decay="constant", clip_norm=0.0, seed=7 + run,
    )  # fmt: skip
    with ExitStack() as stack:
        encoding = encoding_of(spark, adjacency.tocoo(), features, options, stack, dropout=0.5)
        task = ClassificationTask(encoding, int(labels.max()) + 1)
        feeds = [
            stack.enter_context(materialised(labelled(spark, nodes, labels), 1, BACKEND))
            for nodes in (trained, validated, tested)
        ]
        found = train(spark, task, feeds[0], training, feeds[1])
        network = task.network()
        network.load_state_dict(found.weights.tensors())
        right, n = task.quality(network.eval(), as_batch(tested, labels))
    return right / n


def as_batch(nodes: Longs, labels: Longs) -> dict[str, Any]:
    """Products and their labels as the task takes them."""
    import torch

    return {"code": torch.from_numpy(nodes), "label": torch.from_numpy(labels[nodes])}


def link_auc(
    spark: SparkSession, adjacency: sp.csr_matrix, features: sp.csr_matrix, options: argparse.Namespace
) -> float:
    """The area under the ROC curve over held-out edges and the same number of pairs without one."""
    generator = np.random.default_rng(7)
    upper = sp.triu(adjacency).tocoo()
    order = generator.permutation(upper.nnz)
    ends = np.stack([upper.row, upper.col], axis=1).astype(np.int64)[order]
    n_test = upper.nnz // 10
    tested, learned = ends[:n_test], ends[n_test:]
    wrong = pairs_without_edge(adjacency, n_test, generator)
    vectors = link_vectors(spark, learned, features, options)
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    right_scores, wrong_scores = ((units[pairs[:, 0]] * units[pairs[:, 1]]).sum(1) for pairs in (tested, wrong))
    return area(right_scores, wrong_scores)


def pairs_without_edge(adjacency: sp.csr_matrix, n: int, generator: np.random.Generator) -> Longs:
    """`n` pairs of different products that no edge joins, sampled at random."""
    sampled = generator.integers(0, adjacency.shape[0], (4 * n + 100, 2))
    joined = np.asarray(adjacency[sampled[:, 0], sampled[:, 1]]).ravel() > 0
    found: Longs = sampled[(sampled[:, 0] != sampled[:, 1]) & ~joined][:n]
    return found


def link_vectors(
    spark: SparkSession, edges: Longs, features: sp.csr_matrix, options: argparse.Namespace
) -> npt.NDArray[np.float64]:
    """Vectors of a model that learned from the edges: each is a customer of two products."""
    n_items = features.shape[0]
    users = pa.array(np.arange(len(edges), dtype=np.int64))
    items = pa.ListArray.from_arrays(
        pa.array(np.arange(0, edges.size + 1, 2, dtype=np.int32)), pa.array(edges.ravel().astype(np.int32))
    )
    both = sp.coo_matrix((np.ones(2 * len(edges)), np.concatenate([edges, edges[:, ::-1]]).T), (n_items, n_items))
    known = CustomerRows(
        spark.createDataFrame(pa.table({"user": users, "items": items})), None, spark.range(n_items), ()
    )
    degrees = (1,) * n_items  # Every product has the same weight.
    training = TrainingConfig(
        epochs=options.link_epochs, batch_size=8192, learning_rate=0.01, warmup_steps=0, clip_norm=0.0
    )
    with ExitStack() as stack:
        encoding = encoding_of(spark, both, features, options, stack, dropout=0.0)
        feed = stack.enter_context(materialised(known.training, 1, BACKEND))
        settings = GraphTrainingSettings(n_negatives=1024, biased=False)
        task = RecommendationTask(encoding, degrees, settings, temperature=0.2)
        trained = train(spark, task, feed, training)
        rows = computed_vectors(spark, task, trained.weights, 1, "cpu").orderBy("code").toArrow()
    return np.array(rows["vector"].combine_chunks().flatten(), dtype=np.float64).reshape(n_items, -1)


def area(right: npt.NDArray[np.float64], wrong: npt.NDArray[np.float64]) -> float:
    """The probability that a right pair scores above a wrong one; ties count half."""
    scores = np.concatenate([right, wrong])
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[: len(right)].sum() - len(right) * (len(right) + 1) / 2) / (len(right) * len(wrong)))


if __name__ == "__main__":
    main()
