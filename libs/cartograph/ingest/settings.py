"""Section `ingest` of the settings."""

from __future__ import annotations

from pydantic import Field

from cartograph.core.settings import Section, Share


class IngestSettings(Section):
    """Reading raw files."""

    max_quarantined_share: Share = Field(default=0.01, description="above this share of unreadable lines the run stops")
