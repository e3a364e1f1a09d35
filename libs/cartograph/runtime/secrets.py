"""Secrets come from the environment or from a file, never from the configuration.

The secret `preprocess.pseudonym_key` is the value of `CARTOGRAPH_PSEUDONYM_KEY`, or the content of the file that
`CARTOGRAPH_PSEUDONYM_KEY_FILE` names; other secrets follow the same pattern.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from pydantic import SecretStr

from cartograph.core.errors import UserError
from cartograph.runtime import places
from cartograph.settings import Config

SHORTEST = 32  # bytes of a pseudonym key: nobody who has the tables must be able to try them all
# Known to everybody, so it protects nobody: only for the generated shop, whose users are invented.
PUBLIC_KEY = "cartograph-demo-shop-public-pseudonym-key"


class SecretError(UserError):
    """A secret is missing, empty, too short, cannot be read, or can be read by others."""


def secret_variable(key: str) -> str:
    """The environment variable that holds the secret setting `key`."""
    return "CARTOGRAPH_" + key.split(".")[-1].upper()


def find_secret(key: str, config: Config) -> SecretStr | None:
    """The secret setting `key`, or None when nothing gives it.

    Raises:
        SecretError: the variable is empty, or the file it names cannot be read or can be read by others; a pseudonym
            key is too short.
    """
    variable = secret_variable(key)
    value, origin = None, variable
    if variable in os.environ:
        value = _not_empty(os.environ[variable], variable)
    elif f"{variable}_FILE" in os.environ:
        origin = f"{variable}_FILE"
        value = _read(Path(os.environ[origin]), origin)
    elif key == "preprocess.pseudonym_key":
        value, origin = _pseudonym_key(config), "preprocess.key_file"
    return value if value is None or not key.endswith("pseudonym_key") else _long_enough(value, origin)


def _pseudonym_key(config: Config) -> SecretStr | None:
    """The key that `preprocess.key_source` allows when the environment gives none."""
    if config.preprocess.key_source == "public":
        return SecretStr(PUBLIC_KEY)
    if config.preprocess.key_source == "required":
        return None
    path = Path(places.resolve(config.preprocess.key_file))
    if not path.exists():
        make_key_file(path)
    return _read(path, "preprocess.key_file")


def make_key_file(path: Path) -> None:
    """Writes 256 random bits as hex to a new file that only its owner can read; an existing file is kept."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    try:
        os.link(part, path)  # fails when another process was faster: then its key is the key
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _read(path: Path, origin: str) -> SecretStr:
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_readable_by_others(os.fstat(file.fileno()), f"{path} ({origin})")
            return _not_empty(file.read(), f"{path} ({origin})")
    except OSError as error:
        raise SecretError(f"cannot read the secret in {path} ({origin}): {error.strerror}") from error


def _refuse_readable_by_others(file: os.stat_result, origin: str) -> None:
    """Nobody but its owner may read a key; of a file that is not ours (one that a platform mounts) its group may."""
    too_open = stat.S_IRWXG | stat.S_IRWXO if file.st_uid == os.geteuid() else stat.S_IWGRP | stat.S_IRWXO
    if file.st_mode & too_open:
        mode = stat.S_IMODE(file.st_mode)
        raise SecretError(f"others can read the secret in {origin}: its mode is {mode:o}, make it 600 (chmod 600 …)")


def _long_enough(secret: SecretStr, origin: str) -> SecretStr:
    length = len(secret.get_secret_value().encode())
    if length < SHORTEST:
        raise SecretError(
            f"{origin}: the pseudonym key has {length} bytes and needs {SHORTEST} or more; "
            "`openssl rand -hex 32` makes a good one"
        )
    return secret


def _not_empty(text: str, origin: str) -> SecretStr:
    if not text.strip():
        raise SecretError(f"{origin} is empty")
    return SecretStr(text.strip())
