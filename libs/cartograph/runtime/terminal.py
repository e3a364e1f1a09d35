"""Text for the terminal: printed literally, whatever brackets, colons or escape codes it contains."""

from __future__ import annotations

from rich.text import Text

from cartograph.core.plain_text import one_line, plain_text
from cartograph.core.redaction import redacted_text

CELL = 200  # characters of one value in a table


def printed(text: str, style: str = "") -> Text:
    """The text without secrets and control characters. Rich reads no markup and no emoji codes in a `Text`."""
    return Text(plain_text(redacted_text(text)), style=style)


def cell(value: object) -> Text:
    """One value of a table; a dash for nothing."""
    if value is None:
        return Text("–")
    return Text(f"{value:.4f}" if isinstance(value, float) else one_line(str(value), CELL))
