"""What a person can put right: the base of every error that ends a job with one paragraph and no stack trace."""

from __future__ import annotations


class UserError(Exception):
    """Something outside the code is wrong: a setting, an argument, an input, a missing table, a lock.

    The message is all the user sees, so it names the thing and says what to do about it.
    """
