"""Errors that a user can fix: the base of every error that ends a job with one paragraph and no stack trace."""

from __future__ import annotations

from cartograph.core.redaction import redacted_text


class UserError(Exception):
    """Something outside the code is wrong: a setting, an argument, an input, a missing table, a lock.

    The message is all the user sees, so it names the thing and says what to do about it. It may quote settings, URIs
    and what databases answer: secrets in it are made unreadable here, wherever it is shown.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted_text(message))
