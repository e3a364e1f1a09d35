"""Secrets come from the environment or from a file, never from the configuration.

The secret `preprocess.pseudonym_key` is the value of `CARTOGRAPH_PSEUDONYM_KEY`, or the content of the file that
`CARTOGRAPH_PSEUDONYM_KEY_FILE` names; other secrets follow the same pattern.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from cartograph.core.errors import UserError
from cartograph.runtime import places
from cartograph.runtime.settings import Config

# Known to everybody, so it protects nobody: only for the generated shop, whose users are invented.
PUBLIC_KEY = "cartograph-demo-shop-public-pseudonym-key"


class SecretError(UserError):
    """A secret is missing, empty or cannot be read."""


def secret_variable(key: str) -> str:
    """The environment variable that holds the secret setting `key`."""
    return "CARTOGRAPH_" + key.split(".")[-1].upper()


def find_secret(key: str, config: Config) -> SecretStr | None:
    """The secret setting `key`, or None when nothing gives it.

    Raises:
        SecretError: the variable is empty or the file it names cannot be read.
    """
    variable = secret_variable(key)
    if variable in os.environ:
        return _not_empty(os.environ[variable], variable)
    if f"{variable}_FILE" in os.environ:
        return _read(Path(os.environ[f"{variable}_FILE"]), f"{variable}_FILE")
    if key == "preprocess.pseudonym_key":
        return _pseudonym_key(config)
    return None


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
        return _not_empty(path.read_text(encoding="utf-8"), f"{path} ({origin})")
    except OSError as error:
        raise SecretError(f"cannot read the secret in {path} ({origin}): {error.strerror}") from error


def _not_empty(text: str, origin: str) -> SecretStr:
    if not text.strip():
        raise SecretError(f"{origin} is empty")
    return SecretStr(text.strip())
