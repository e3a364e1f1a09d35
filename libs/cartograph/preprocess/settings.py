"""Section `preprocess` of the settings; what holds for one source alone is its `core.cleaning.declaration`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from cartograph.core.settings import Positive, Section, Share


class FenceSettings(Section):
    """preprocess.outliers."""

    quantity_fence: Annotated[float, Field(gt=0)] = Field(
        default=3.0, description="quantities above Q3 + this many IQRs of their batch, on the logarithm, are outliers"
    )
    price_ratio: Annotated[float, Field(gt=1)] = Field(
        default=20.0,
        description="prices this many times above or below the product's median in its batch are outliers …",
    )
    price_min_rows: Positive = Field(default=5, description="… for products with so many lines; before that …")
    price_fence: Annotated[float, Field(gt=0)] = Field(
        default=4.0,
        description="… those above the fence of the whole batch, as for quantities. All this unless other orders have "
        "the value too, all lines of the order are far, or it is a round discount",
    )


class LimitSettings(Section):
    """preprocess.limits."""

    share: Share = Field(
        default=0.1, description="more than this share of its new rows would be set aside for one reason …"
    )
    shares: dict[str, Share] = Field(
        default={"outlier_quantity": 0.01, "outlier_price": 0.01},
        description="… or this one, by reason (rules of silver.quarantine)",
    )
    mixed_orders: Share = Field(
        default=0.02, description="more than this share of order lines is in orders of several customers, or days apart"
    )
    min_rows: Positive = Field(default=20, description="so few rows stop no run")


class CustomerFlags(Section):
    """Which customers are marked."""

    wholesale_units: Positive = Field(default=300, description="an order of so many pieces is a wholesaler's …")
    wholesale_share: Share = Field(
        default=0.5, description="… and a customer with at least this share of such orders is one (is_wholesale)"
    )
    bot_actions: Positive = Field(
        default=300, description="a customer with so many actions within a clock hour is a robot (is_bot)"
    )


class PreprocessSettings(Section):
    """From raw text to clean, pseudonymous tables."""

    pseudonym_key: SecretStr | None = None
    old_pseudonym_key: SecretStr | None = None
    key_source: Literal["required", "generated", "public"] = Field(
        default="required",
        description="the key that user ids are hashed with: CARTOGRAPH_PSEUDONYM_KEY or the file named by "
        "CARTOGRAPH_PSEUDONYM_KEY_FILE. Without them: required = refuse, generated = use key_file and make it "
        "if absent, public = a fixed key that everybody knows (demo data only)",
    )
    key_file: str = Field(
        default=".secrets/pseudonym_key",
        description="git-ignored, mode 600; whoever has it can find a known user id in the tables. Back it up: another "
        "key is refused, and changed by jobs/rekey.py",
    )
    session_gap_minutes: Positive = Field(
        default=30, description="events of a user further apart than this belong to different sessions"
    )
    fences: FenceSettings = Field(
        default=FenceSettings(),
        description="values that can't be true; what else is not read or sold is declared per source",
    )
    limits: LimitSettings = Field(
        default=LimitSettings(), description="the run stops before anything is written where a source must be misread:"
    )
    flags: CustomerFlags = Field(
        default=CustomerFlags(), description="customers that models may want to leave out (silver.users)"
    )
