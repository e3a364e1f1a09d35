"""The lake recognises its key, and its fingerprint does not reveal the key."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from cartograph.runtime import key_fingerprint as keys
from cartograph.runtime.tables import Tables

FIRST, SECOND, THIRD = (letter * 32 for letter in "abc")


def test_a_fingerprint_is_of_the_whole_key_and_no_hash_that_can_be_made_without_it() -> None:
    assert keys.fingerprint(FIRST) == keys.fingerprint(FIRST)
    assert len({keys.fingerprint(key) for key in (FIRST, FIRST + "x", SECOND)}) == 3
    known = hmac.new(FIRST.encode(), b"\x00cartograph: fingerprint of the pseudonym key", hashlib.sha256).hexdigest()
    assert keys.fingerprint(FIRST) == known[:32]  # half of an HMAC: not even the pseudonym of some odd id


def test_another_key_is_refused_ever_after_the_first_one_and_shows_nowhere(tables: Tables) -> None:
    keys.require_same_key(tables, FIRST)
    assert not tables.exists(keys.TABLE)
    keys.remember_key(tables, FIRST)
    version = tables.version(keys.TABLE)
    keys.remember_key(tables, FIRST)
    keys.require_same_key(tables, FIRST)
    with pytest.raises(keys.WrongKey, match=r"another pseudonym key .* every customer would exist twice") as refused:
        keys.require_same_key(tables, SECOND)
    assert tables.version(keys.TABLE) == version
    held = str(tables.read(keys.TABLE).collect())
    for key in (FIRST, SECOND):
        assert key not in str(refused.value) + held


def test_a_change_of_keys_has_a_beginning_and_an_end_and_only_one_at_a_time(tables: Tables) -> None:
    with pytest.raises(keys.WrongKey, match="no user id is hashed yet"):
        keys.require_change(tables, FIRST, SECOND)
    keys.remember_key(tables, FIRST)
    with pytest.raises(keys.WrongKey, match="the old key is not the one that the tables were made with"):
        keys.require_change(tables, THIRD, SECOND)
    with pytest.raises(keys.WrongKey, match="already use the new key"):
        keys.require_change(tables, SECOND, FIRST)
    keys.require_change(tables, FIRST, SECOND)
    keys.begin_change(tables, FIRST, SECOND)
    for key in (FIRST, SECOND):
        with pytest.raises(keys.WrongKey, match=r"complete jobs/rekey.py first"):
            keys.require_same_key(tables, key)
    keys.require_change(tables, FIRST, SECOND)  # an interrupted run may resume
    with pytest.raises(keys.WrongKey, match="another change of keys was started"):
        keys.require_change(tables, FIRST, THIRD)
    keys.end_change(tables, SECOND)
    keys.require_same_key(tables, SECOND)
    with pytest.raises(keys.WrongKey, match="already use the new key"):
        keys.require_change(tables, FIRST, SECOND)
