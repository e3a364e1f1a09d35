"""Section `ingest` of the settings."""

from __future__ import annotations

from pydantic import Field

from cartograph.core.settings import Section, Share


class IngestSettings(Section):
    """Reading raw inputs."""

    max_quarantined_share: Share = Field(
        default=0.01, description="maximum share of unreadable lines, and of unreadable files; above it the run stops"
    )
