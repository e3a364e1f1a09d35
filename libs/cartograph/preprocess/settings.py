"""Section `preprocess` of the settings; what differs between sources is declared in `core.cleaning.declaration`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from cartograph.core.settings import Positive, Section, Share


class FenceSettings(Section):
    """Which quantities and prices are outliers."""

    quantity_fence: Annotated[float, Field(gt=0)] = Field(
        default=3.0, description="quantities above Q3 + this many IQRs of their batch, on the logarithm, are outliers"
    )
    price_ratio: Annotated[float, Field(gt=1)] = Field(
        default=20.0,
        description="prices this many times above or below the product's median in its batch are outliers …",
    )
    price_min_rows: Positive = Field(
        default=5, description="… for products with at least this many lines; for others …"
    )
    price_fence: Annotated[float, Field(gt=0)] = Field(
        default=4.0,
        description="… prices above the fence of the whole batch, as for quantities. Exceptions: other orders have the "
        "same value, all lines of the order are outliers, or it is a round discount",
    )


class LimitSettings(Section):
    """Above which shares a source is misread."""

    share: Share = Field(default=0.1, description="maximum share of a source's new rows that one rule may set aside …")
    shares: dict[str, Share] = Field(
        default={"outlier_quantity": 0.01, "outlier_price": 0.01},
        description="… with other maxima by rule (of silver.quarantine)",
    )
    mixed_orders: Share = Field(
        default=0.02,
        description="maximum share of order lines in orders of several customers, or with lines more than a day apart",
    )
    min_rows: Positive = Field(default=20, description="fewer rows than this never stop a run")


class CustomerFlags(Section):
    """Which customers are flagged."""

    wholesale_units: Positive = Field(
        default=300, description="an order of at least this many pieces is a wholesaler's …"
    )
    wholesale_share: Share = Field(
        default=0.5,
        description="… and a customer with at least this share of such orders is a wholesaler (is_wholesale)",
    )
    bot_actions: Positive = Field(
        default=300, description="a customer with at least this many actions within a clock hour is a bot (is_bot)"
    )


class PreprocessSettings(Section):
    """From raw text to clean, pseudonymous tables."""

    pseudonym_key: SecretStr | None = None
    old_pseudonym_key: SecretStr | None = None
    key_source: Literal["required", "generated", "public"] = Field(
        default="required",
        description="user ids are hashed with the key in CARTOGRAPH_PSEUDONYM_KEY, or in the file named by "
        "CARTOGRAPH_PSEUDONYM_KEY_FILE. Without them: required = refuse, generated = use key_file and create it "
        "if absent, public = a fixed key that everybody knows (demo data only)",
    )
    key_file: str = Field(
        default=".secrets/pseudonym_key",
        description="git-ignored, mode 600; anyone who has it can find a known user id in the tables. Back it up: "
        "another key is refused; jobs/rekey.py changes it",
    )
    session_gap_minutes: Positive = Field(
        default=30, description="a longer pause between events of a customer starts a new session"
    )
    fences: FenceSettings = Field(
        default=FenceSettings(),
        description="outliers that must be errors; all other cleaning is declared per source",
    )
    limits: LimitSettings = Field(
        default=LimitSettings(), description="the run stops before anything is written if a source must be misread:"
    )
    flags: CustomerFlags = Field(
        default=CustomerFlags(), description="customers that models may leave out (silver.users)"
    )
