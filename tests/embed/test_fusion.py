"""Vectors of several models become one, also where some are missing; a gate learns which of them to believe."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.model import TooLittle
from cartograph.embed.concatenation import blocks_of, concatenated, side_by_side
from cartograph.embed.gate_network import GatedFusion, GateTask
from cartograph.embed.gate_training import bought_pairs, gated, trained_gate
from cartograph.embed.settings import GateSettings
from cartograph.embed.whitening import Whitening

PLAIN = {"a": Whitening(np.zeros(2), np.eye(2)), "b": Whitening(np.zeros(3), np.eye(3))}
WIDTHS = {"a": 2, "b": 3}
ROOMS, PER_ROOM = 4, 10


@pytest.fixture(scope="module")
def blocks(spark: SparkSession) -> DataFrame:
    rows = [
        ("a", "both", [3.0, 4.0]), ("b", "both", [0.0, 0.0, 2.0]), ("a", "one", [1.0, 0.0]), ("b", "zero", [0.0] * 3),
        ("other", "else", [1.0]),
    ]  # fmt: skip
    vectors = spark.createDataFrame(rows, "model string, product_id string, vector array<float>")
    return blocks_of(side_by_side(vectors, ["a", "b"]), PLAIN).persist()


def test_blocks_lie_side_by_side_and_zeros_stand_for_what_is_missing(blocks: DataFrame) -> None:
    rows = {row.product_id: (row.blocks, row.present) for row in blocks.collect()}
    assert set(rows) == {"both", "one"}
    assert rows["both"] == (pytest.approx([0.6, 0.8, 0, 0, 1]), [1.0, 1.0])
    assert rows["one"] == ([1, 0, 0, 0, 0], [1.0, 0.0])


def test_concatenated_vectors_have_length_one_whatever_is_missing(blocks: DataFrame) -> None:
    rows = {row.product_id: row.vector for row in concatenated(blocks, WIDTHS, {"b": 2.0}).collect()}
    assert rows["both"] == pytest.approx((np.array([0.6, 0.8, 0, 0, 2]) / np.sqrt(5)).tolist())
    assert rows["one"] == [1, 0, 0, 0, 0]
    only = {row.product_id: row.vector for row in concatenated(blocks, WIDTHS, {"a": 0.0}).collect()}
    assert only == {"both": [0, 0, 0, 0, 1]}  # nothing is left of the other


def test_a_missing_model_has_no_share_and_its_placeholder_no_effect() -> None:
    torch.manual_seed(1)
    network = GatedFusion((2, 3), 4)
    torch.nn.init.normal_(network.gate.weight)
    given, present = torch.randn(5, 5), torch.tensor([[1.0, 0.0]] * 5)
    other = torch.cat([given[:, :2], torch.randn(5, 3)], dim=1)
    assert torch.equal(network.shares(given, present), torch.tensor([[1.0, 0.0]] * 5))
    torch.testing.assert_close(network(given, present), network(other, present))
    torch.testing.assert_close(network(given, torch.ones(5, 2)).norm(dim=1), torch.ones(5))


def test_a_pair_is_contrasted_with_others_but_not_with_its_own_products() -> None:
    task = GateTask((2, 3), GateSettings(width=4, temperature=0.5, hidden=0.0))
    torch.manual_seed(2)
    network = task.network()
    sides = torch.randn(2, 3, 5)
    left, right = torch.tensor([1, 2, 3]), torch.tensor([7, 8, 7])  # the third pair's partner is the first one's
    ones = torch.ones(3, 2)
    batch = {"left": sides[0], "right": sides[1], "left_present": ones, "right_present": ones,
             "left_code": left, "right_code": right}  # fmt: skip
    loss, n = task.loss(network, batch)
    scores = (network(sides[0], ones) @ network(sides[1], ones).T).detach().numpy() / 0.5
    counted = {0: (0, 1), 1: (0, 1, 2), 2: (1, 2)}
    by_hand = [
        -score[row, row] + np.log(sum(np.exp(score[row, other]) for other in counted[row]))
        for score in (scores, scores.T)
        for row in range(3)
    ]
    assert n == 3
    assert loss.item() == pytest.approx(sum(by_hand) / 2, rel=1e-5)


def test_pairs_are_neighbours_in_a_hashed_order_and_bounded(spark: SparkSession) -> None:
    sets = spark.createDataFrame([(["a", "b", "c"],), (["d"],), (["e", "f"],)], "product_ids array<string>")
    pairs = [{row.left, row.right} for row in bought_pairs(sets, 9).collect()]
    assert len(pairs) == 3
    assert {"e", "f"} in pairs
    assert sum(pair <= {"a", "b", "c"} for pair in pairs) == 2
    assert bought_pairs(sets, 1).count() == 1


def test_a_gate_learns_which_model_predicts_what_is_bought_together(spark: SparkSession) -> None:
    """Model a knows the room that products are bought for, through noise; b is noise alone. One product lacks a."""
    rng = np.random.default_rng(5)
    names = [f"p{room}{n}" for room in range(ROOMS) for n in range(PER_ROOM)]
    rooms = np.repeat(np.arange(ROOMS), PER_ROOM)
    useful = np.eye(8)[rooms] + rng.normal(size=(len(names), 8)) / 3
    rows = np.hstack([useful / np.linalg.norm(useful, axis=1)[:, None], np.eye(8)[rng.integers(0, 8, len(names))]])
    present = np.ones((len(names), 2), np.float32)
    present[0], rows[0, :8] = (0, 1), 0
    columns = {name: pa.array(list(values.astype(np.float32)), pa.list_(pa.float32()))
               for name, values in (("blocks", rows), ("present", present))}  # fmt: skip
    blocks = spark.createDataFrame(pa.table({"product_id": names, **columns})).persist()
    baskets = [[f"p{n % ROOMS}{i}" for i in rng.choice(PER_ROOM, 3, replace=False)] for n in range(200)]
    sets = spark.createDataFrame([(each,) for each in baskets], "product_ids array<string>")
    losses: list[float] = []
    settings = GateSettings(
        width=8, epochs=8, batch_size=64, learning_rate=0.02, hidden=0.1, workers=1, backend="arrow"
    )
    widths = {"a": 8, "b": 8}
    weights = trained_gate(blocks, sets, widths, settings, lambda epoch: losses.append(epoch["loss"]))
    assert losses[-1] < losses[0] - 0.3
    vectors = {row.product_id: np.array(row.vector) for row in gated(blocks, weights).collect()}
    assert set(vectors) == set(names)

    def right_room(found: np.ndarray) -> float:
        scores = found @ found.T - 2 * np.eye(len(names))
        return float(np.mean(rooms[scores.argmax(axis=1)] == rooms))

    plain = rows / np.linalg.norm(rows, axis=1)[:, None]
    assert right_room(np.array([vectors[name] for name in names])) > right_room(plain) + 0.1
    with pytest.raises(TooLittle, match="no two products"):
        trained_gate(blocks, sets.where("size(product_ids) > 3"), widths, settings)
