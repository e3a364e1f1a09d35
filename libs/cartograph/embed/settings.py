"""Section `embed` of the settings: vectors of products, and what they are made from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.core.settings import AboveZero, NotNegative, Positive, Section, Seed

VectorModelName = Literal["words", "language", "item2vec", "image", "attributes"]

Language = Literal[
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "russian",
    "spanish",
    "swedish",
    "turkish",
]

Device = Literal["cpu", "cuda"]


class WordSettings(Section):
    """embed.word_vectors.word_vectors, and when words are learned anew."""

    language: Language | None = Field(
        default="english", description="whose stop words are left out, null: none are; all scripts are read in any case"
    )
    refit_days: Positive = Field(
        default=30, description="words learned at most so long ago are used again: only new and changed products cost"
    )
    width: Positive = Field(default=64, description="length of the vectors")
    window: Positive = Field(default=5, description="words before and after that a word is told from")
    iterations: Positive = Field(default=10, description="passes over the texts")
    min_count: Positive = Field(default=2, description="words that occur less often say nothing …")
    max_words: Positive = Field(
        default=100000,
        description="… and of more than so many the rarest; the driver needs 24 bytes times width for each",
    )
    seed: Seed = Field(default=7, description="of the first vectors")


class LanguageSettings(Section):
    """embed.encoder.Encoder, for texts."""

    model: str | None = Field(
        default=None,
        description="its name, or a folder that exists on every executor; each worker process loads it once",
    )
    batch_size: Positive = Field(default=64, description="texts that go through it together")
    device: Device = Field(default="cpu", description="cuda, if every worker has a graphics processor")


class ItemSettings(Section):
    """embed.item_vectors.item_vectors."""

    width: Positive = Field(default=64, description="length of the vectors")
    iterations: Positive = Field(default=10, description="passes over baskets and sessions")
    max_set: Annotated[int, Field(ge=2)] = Field(
        default=50, description="products of a basket or a session that count; work grows with the square"
    )
    min_count: Positive = Field(default=3, description="products in fewer baskets and sessions have no vector …")
    max_products: Positive = Field(
        default=100000,
        description="… and of more than so many the rarest; the driver needs 24 bytes times width for each",
    )
    seed: Seed = Field(default=7, description="of the first vectors")


class ImageSettings(Section):
    """embed.image_vectors, or embed.given_vectors."""

    model: str | None = Field(
        default=None, description="of the CLIP type: its name, or a folder that exists on every executor"
    )
    folder: str | None = Field(default=None, description="folder or URI of the image files")
    attribute: str | None = Field(
        default="image", description="attribute of a product that names its file, from the folder on"
    )
    vectors_attribute: str | None = Field(
        default=None, description="instead of files: an attribute that holds a JSON list of numbers,"
    )
    vectors_path: str | None = Field(default=None, description="or Parquet files with product_id and vector")
    batch_size: Positive = Field(default=32, description="images that are in memory and go through the model together")
    device: Device = Field(default="cpu", description="cuda, if every worker has a graphics processor")


class AttributeSettings(Section):
    """embed.attribute_vectors.attribute_vectors."""

    width: Positive = Field(default=128, description="length of the vectors: the longer, the less facts are confused")


class GateSettings(Section):
    """embed.gated.trained_gate."""

    width: Positive = Field(default=64, description="length of the fused vector")
    temperature: AboveZero = Field(default=0.1, description="that cosines are divided by")
    hidden: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.3, description="share of the models that a training step hides, so that new products do without"
    )
    max_pairs: Positive = Field(default=200000, description="pairs of products bought together that are learned from")
    epochs: Positive = Field(default=10, description="passes over them")
    batch_size: Annotated[int, Field(ge=2)] = Field(default=256, description="pairs of a step, over all workers")
    learning_rate: AboveZero = Field(default=0.003, description="at its highest")
    device: Device = Field(default="cpu", description="cuda, if every worker has a graphics processor")
    workers: Positive | None = Field(
        default=None, description="of the group, all at once; null: one per core, each with 64 pairs of a step or more"
    )
    backend: Literal["petastorm", "arrow"] = Field(
        default="petastorm",
        description="what feeds pairs to the workers: petastorm, or arrow where that is not to be had",
    )
    seed: Seed = Field(default=7, description="of weights, order and what is hidden")


class FusionSettings(Section):
    """embed.fusion and embed.gated."""

    method: Literal["concat", "gate"] = Field(
        default="concat", description="concat: whitened and side by side; gate: weighed by a network trained on baskets"
    )
    width: Positive = Field(default=64, description="numbers kept of each model")
    weights: dict[str, NotNegative] = Field(default={}, description="of models, for concat; 1 unless named here")
    gate: GateSettings = Field(default=GateSettings(), description="wants all its cores at once")


class EmbedSettings(Section):
    """Product vectors."""

    k: Positive = Field(default=20, description="neighbours kept per product (gold.associations, model content)")
    models: tuple[VectorModelName, ...] = Field(
        default=("words", "item2vec", "attributes"),
        description="of words, language, item2vec, image, attributes: what vectors are made of; []: none",
    )
    approximate_above: Positive | None = Field(
        default=200000, description="more products than this are searched approximately, 95 % found; null: never"
    )
    words: WordSettings = Field(
        default=WordSettings(),
        description="the mean of a title's and a description's words, learned from the catalogue itself",
    )
    language: LanguageSettings = Field(
        default=LanguageSettings(),
        description="a pretrained language model that reads titles and descriptions (extra `text`)",
    )
    item2vec: ItemSettings = Field(default=ItemSettings(), description="what a product is bought and seen with")
    image: ImageSettings = Field(
        default=ImageSettings(), description="images read by a model, or vectors that are there already"
    )
    attributes: AttributeSettings = Field(
        default=AttributeSettings(), description="brand, category path, price band and attributes"
    )
    fusion: FusionSettings = Field(
        default=FusionSettings(), description="one vector of all (model fused), made also where some are missing"
    )
