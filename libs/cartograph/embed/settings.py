"""Section `embed` of the settings: vectors of products, and what they are made from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.settings import AboveZero, ModelSettings, ModelsSection, NotNegative, Positive, Section, Seed

Language = Literal[
    "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian", "norwegian", "portuguese",
    "russian", "spanish", "swedish", "turkish",
]  # fmt: skip
Device = Literal["cpu", "cuda"]


class SkipGramSettings(ModelSettings):
    """Vectors learned by skip-gram."""

    width: Positive = Field(default=64, description="embedding dimension")
    iterations: Positive = Field(default=10, description="epochs")
    seed: Seed = Field(default=7, description="seed of the initial vectors")


class WordSettings(SkipGramSettings):
    """Mean of the words' vectors, and when words are learned again."""

    language: Language | None = Field(
        default="english",
        description="language of the stop words to leave out; null: none. All scripts are read anyway",
    )
    refit_days: Positive = Field(
        default=30,
        description="word vectors at most this old are used again: then only new and changed products are embedded",
    )
    window: Positive = Field(default=5, description="words before and after a word that are predicted from it")
    min_count: Positive = Field(default=2, description="words that occur less often have no vector …")
    max_words: Positive = Field(
        default=100000,
        description="… and the vocabulary keeps at most this many, the most frequent; the driver needs 24 bytes times "
        "width for each",
    )


class EncoderSettings(ModelSettings):
    """A pretrained model."""

    model: str | None = Field(
        default=None,
        description="name of a model, or a folder that exists on every executor; each worker process loads it once",
    )
    batch_size: Positive = Field(default=64, description="texts in a batch")
    device: Device = Field(default="cpu", description="cuda, if every worker has a GPU")

    @property
    def pretrained(self) -> str:
        """The name of the model.

        Raises:
            ValueError: there is none.
        """
        if self.model is None:
            raise ValueError("no pretrained model is set: set `model`")
        return self.model


class LanguageSettings(EncoderSettings):
    """Texts encoded by a pretrained language model."""


class ItemSettings(SkipGramSettings):
    """Vectors from what products are bought and seen with."""

    max_set: Annotated[int, Field(ge=2)] = Field(
        default=50, description="products of a basket or a session that count; work grows with the square"
    )
    min_count: Positive = Field(default=3, description="products in fewer baskets and sessions have no vector …")
    max_products: Positive = Field(
        default=100000,
        description="… and at most this many have one, the most frequent; the driver needs 24 bytes times width for "
        "each",
    )


class ImageSettings(EncoderSettings):
    """Images encoded by a pretrained model, or vectors that exist already."""

    model: str | None = Field(
        default=None, description="a model of the CLIP type: its name, or a folder that exists on every executor"
    )
    batch_size: Positive = Field(default=32, description="images in a batch, all in memory")
    folder: str | None = Field(default=None, description="folder or URI of the image files")
    attribute: str | None = Field(
        default="image", description="product attribute with the path of the image file, relative to the folder"
    )
    vectors_attribute: str | None = Field(
        default=None, description="instead of files: a product attribute with a JSON list of numbers,"
    )
    vectors_path: str | None = Field(default=None, description="or Parquet files with product_id and vector")


class AttributeSettings(ModelSettings):
    """Random projections of product attributes."""

    width: Positive = Field(default=128, description="embedding dimension: the higher, the fewer random similarities")


class GateSettings(Section):
    """A network that weighs the models of each product."""

    width: Positive = Field(default=64, description="embedding dimension of the fused vectors")
    temperature: AboveZero = Field(default=0.1, description="temperature that cosine similarities are divided by")
    hidden: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.3, description="share of the models masked in a training step, so that new products do without them"
    )
    max_pairs: Positive = Field(default=200000, description="pairs of products bought together to train on")
    epochs: Positive = Field(default=10, description="epochs")
    batch_size: Annotated[int, Field(ge=2)] = Field(default=256, description="pairs per step, over all workers")
    learning_rate: AboveZero = Field(default=0.003, description="peak learning rate")
    device: Device = Field(default="cpu", description="cuda, if every worker has a GPU")
    workers: Positive | None = Field(
        default=None,
        description="size of the group, all at once; null: one per core, each with 64 pairs of a step or more",
    )
    backend: Literal["petastorm", "arrow"] = Field(
        default="petastorm", description="reads the training pairs: petastorm, or arrow where it is not installed"
    )
    seed: Seed = Field(default=7, description="seed of weights, order and masks")


class VectorFusionSettings(Section):
    """One vector per product out of those of all models."""

    method: Literal["concat", "gate"] = Field(
        default="concat",
        description="concat: whitened and concatenated; gate: weighted by a network trained on baskets",
    )
    width: Positive = Field(default=64, description="dimensions kept of each model")
    weights: dict[str, NotNegative] = Field(default={}, description="weights of models, for concat; 1 by default")
    gate: GateSettings = Field(default=GateSettings(), description="the network; needs all its cores at once")


class EmbedSettings(ModelsSection):
    """Product vectors."""

    k: Positive = Field(default=20, description="neighbours kept per product (gold.associations, model content)")
    models: tuple[str, ...] = Field(
        default=("words", "item2vec", "attributes"),
        description="of words, language, item2vec, image, attributes: what vectors are made from; []: none",
    )
    approximate_above: Positive | None = Field(
        default=200000, description="more products than this are searched approximately, 95 % recall; null: never"
    )
    words: WordSettings = Field(
        default=WordSettings(),
        description="the mean of the words of title and description, with word vectors learned from the catalogue",
    )
    language: LanguageSettings = Field(
        default=LanguageSettings(),
        description="titles and descriptions encoded by a pretrained language model (extra `text`)",
    )
    item2vec: ItemSettings = Field(default=ItemSettings(), description="what a product is bought and seen with")
    image: ImageSettings = Field(
        default=ImageSettings(), description="images encoded by a pretrained model, or vectors that exist already"
    )
    attributes: AttributeSettings = Field(
        default=AttributeSettings(), description="brand, category path, price band and attributes"
    )
    fusion: VectorFusionSettings = Field(
        default=VectorFusionSettings(),
        description="one vector out of all (model fused), also for products that lack some",
    )

    @model_validator(mode="after")
    def _sources_are_named(self) -> Self:
        image = self.image
        if "language" in self.models and self.language.model is None:
            raise ValueError("models has language: set a pretrained model in embed.language.model")
        if "image" not in self.models:
            return self
        n_sources = sum(source is not None for source in (image.model, image.vectors_attribute, image.vectors_path))
        if n_sources != 1:
            raise ValueError(
                "models has image: set one of embed.image.model, vectors_attribute and vectors_path; "
                f"{n_sources} of them are set"
            )
        if image.model and not (image.folder and image.attribute):
            raise ValueError("embed.image.model reads files: set embed.image.folder and embed.image.attribute too")
        return self
