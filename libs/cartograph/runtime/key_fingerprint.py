"""The key that user ids are hashed with must not change: under another one every customer would exist twice.

The lake keeps a fingerprint of it: a hash, under the key itself, of a text that is not a user id. It distinguishes two
keys and reveals nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table
from cartograph.runtime.tables import Tables

TABLE = "silver.key_fingerprints"
_SECRET = "preprocess.pseudonym_key"
_TEXT = b"\x00cartograph: fingerprint of the pseudonym key"


class WrongKey(UserError):
    """The pseudonym key is not the one that the tables were made with, or is being changed."""


@dataclass(frozen=True)
class Fingerprints:
    """Of the key in use and, while `jobs/rekey.py` is at work, of the key that it replaces."""

    current: str
    replaces: str | None = None


def fingerprint(key: str) -> str:
    """32 hexadecimal digits; the same for the same key."""
    return hmac.new(key.encode(), _TEXT, hashlib.sha256).hexdigest()[:32]


def stored_fingerprints(tables: Tables) -> Fingerprints | None:
    """The stored fingerprints; None where nothing was ever hashed."""
    if not tables.exists(TABLE):
        return None
    rows = tables.read(TABLE, secret=_SECRET).collect()  # at most one: the column is the key
    return Fingerprints(rows[0].fingerprint, rows[0].replaces) if rows else None


def store_fingerprints(tables: Tables, known: Fingerprints) -> None:
    """Writes what is known of the key."""
    rows = [(_SECRET, known.current, known.replaces)]
    tables.replace(TABLE, tables.spark.createDataFrame(rows, table(TABLE).columns))


def require_same_key(tables: Tables, key: str) -> None:
    """Does nothing if the key is the one that the tables were made with, or if nothing was hashed yet.

    Raises:
        WrongKey: it is another one, or a change of keys was started and not completed.
    """
    known = stored_fingerprints(tables)
    if known is None:
        return
    if known.replaces is not None:
        raise WrongKey("the pseudonym key is being changed: complete jobs/rekey.py first, with both keys")
    if known.current != fingerprint(key):
        raise WrongKey(
            f"the tables in {tables.catalog or tables.root} were made with another pseudonym key (fingerprint "
            f"{known.current}, that of the key given is {fingerprint(key)}): every customer would exist twice. Give "
            "the key that they were made with; to change it, run jobs/rekey.py with both. If it is lost, delete the "
            "silver and gold tables and run the steps again"
        )


def remember_key(tables: Tables, key: str) -> None:
    """Remembers the key's fingerprint the first time; of two processes that do, the second is held to the first one's.

    Raises:
        WrongKey: as `require_same_key`.
    """
    with tables.locks.hold(f"{TABLE},check", wait_seconds=tables.locks.stale_seconds):
        if stored_fingerprints(tables) is None:
            store_fingerprints(tables, Fingerprints(fingerprint(key)))
            return
    require_same_key(tables, key)


def require_change(tables: Tables, old: str, new: str) -> None:
    """Does nothing if `old` is the key in use, or if a change from it to `new` was started.

    Raises:
        WrongKey: neither is the case; the message says which key is wrong.
    """
    known, given = stored_fingerprints(tables), Fingerprints(fingerprint(new), fingerprint(old))
    if known is None:
        raise WrongKey(f"{TABLE} is not in {tables.catalog or tables.root}: no user id is hashed yet, so any key fits")
    if known == given:
        return  # an interrupted run
    if known.replaces is not None:
        raise WrongKey(
            f"another change of keys was started (fingerprints {known.replaces} to {known.current}) and not completed: "
            "complete it first, with those keys"
        )
    if known.current == given.current:
        raise WrongKey("the tables already use the new key")
    if known.current != given.replaces:
        raise WrongKey(
            f"the old key is not the one that the tables were made with (fingerprint {known.current}, that of the key "
            f"given is {given.replaces})"
        )


def begin_change(tables: Tables, old: str, new: str) -> None:
    """From now on preprocess refuses to run, until `end_change`."""
    store_fingerprints(tables, Fingerprints(fingerprint(new), fingerprint(old)))


def end_change(tables: Tables, new: str) -> None:
    """The new key is the one in use."""
    store_fingerprints(tables, Fingerprints(fingerprint(new)))
