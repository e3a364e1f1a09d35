"""Text from data made safe to show: control characters and escape codes are removed, the content stays."""

from __future__ import annotations

import re

# ESC and its like move the cursor or colour the screen; the others turn the direction of the text after them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain_text(text: str) -> str:
    """The text without control characters (each becomes �) and direction marks; line breaks and tabs stay."""
    return _DIRECTIONS.sub("", _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n")))


def one_line(text: str, most: int) -> str:
    """`plain_text` in one line of at most `most` characters; what is cut off is marked by …"""
    line = " ".join(plain_text(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
