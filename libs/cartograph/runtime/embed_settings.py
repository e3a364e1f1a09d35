"""Section `embed` of the settings: vectors of products, and what they are made from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.runtime.section import AboveZero, NotNegative, Positive, Section, Seed

VectorModelName = Literal["words", "language", "item2vec", "image", "attributes"]
Language = Literal[
    "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian", "norwegian", "portuguese",
    "russian", "spanish", "swedish", "turkish",
]  # fmt: skip
Device = Literal["cpu", "cuda"]


class WordSettings(Section):
    """embed.word_vectors.word_vectors, and when words are learned anew."""

    language: Language | None
    refit_days: Positive
    width: Positive
    window: Positive
    iterations: Positive
    min_count: Positive
    max_words: Positive
    seed: Seed


class LanguageSettings(Section):
    """embed.encoder.Encoder, for texts."""

    model: str | None
    batch_size: Positive
    device: Device


class ItemSettings(Section):
    """embed.item_vectors.item_vectors."""

    width: Positive
    iterations: Positive
    max_set: Annotated[int, Field(ge=2)]
    min_count: Positive
    max_products: Positive
    seed: Seed


class ImageSettings(Section):
    """embed.image_vectors, or embed.given_vectors."""

    model: str | None
    folder: str | None
    attribute: str | None
    vectors_attribute: str | None
    vectors_path: str | None
    batch_size: Positive
    device: Device


class AttributeSettings(Section):
    """embed.attribute_vectors.attribute_vectors."""

    width: Positive


class GateSettings(Section):
    """embed.gated.trained_gate."""

    width: Positive
    temperature: AboveZero
    hidden: Annotated[float, Field(ge=0, lt=1)]
    max_pairs: Positive
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: AboveZero
    device: Device
    workers: Positive | None
    backend: Literal["petastorm", "arrow"]
    seed: Seed


class FusionSettings(Section):
    """embed.fusion and embed.gated."""

    method: Literal["concat", "gate"]
    width: Positive
    weights: dict[str, NotNegative]
    gate: GateSettings


class EmbedSettings(Section):
    """Product vectors."""

    k: Positive
    models: tuple[VectorModelName, ...]
    approximate_above: Positive | None
    words: WordSettings
    language: LanguageSettings
    item2vec: ItemSettings
    image: ImageSettings
    attributes: AttributeSettings
    fusion: FusionSettings
