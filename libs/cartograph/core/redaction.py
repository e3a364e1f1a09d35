"""Passwords, tokens and keys made unreadable in everything that is shown, logged or recorded.

What is secret is recognised by its name (`fs.s3a.secret.key`, `password`), by its place in a URI (`//user:password@`),
by standing after such a name in a text (`password=…`), and by being the value of an environment variable so called.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "**********"

# Also spark.redaction.regex of conf/spark-defaults.conf, so without backslashes, which mean something else there.
SECRET_NAME = (
    "(?i)secret|passw|pwd|passphrase|token|credential|signature"
    "|(?:access|account|api|auth|encryption|master|private|pseudonym|shared|storage)[._-]?key"
    "|[._-](?:key|sas)$|^(?:key|sas)$"
)

_NAME = re.compile(SECRET_NAME)
_WORDS = SECRET_NAME.removeprefix("(?i)").split("|[._-]")[0]
_START = r"(?<![\w.-])[\w.-]*"  # from the beginning of a name: else long names would take the square of their length
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'&;,)}\]]+)"""
_PORT = r"""\d{1,5}(?:[/?#,;\s'"]|$)"""
# The text before a secret, and the secret itself.
_IN_TEXT = (
    re.compile(rf"""(//[^\s/?#@:'"]*:)(?!{_PORT})([^\s'"]+)(?=@)"""),  # //user:password@host, not //host:port
    re.compile(r"""(\bhttps?://)([^\s/?#@:'"]+)(?=@)"""),  # https://token@host
    re.compile(r"""(\bjdbc:[\w:]+:[^\s/@:'"]+/)([^\s'"]+)(?=@)"""),  # jdbc:oracle:thin:user/password@host
    re.compile(rf"""(?i)(;\s*[\w.-]*(?:{_WORDS})[\w.-]*=)([^;"']+)"""),  # of JDBC URLs: values may hold blanks
    re.compile(rf"""(?i)((?:{_START}(?:{_WORDS})[\w.-]*|\bkey)["']?\s*=\s*)({_VALUE})"""),  # password=…, 'password' = …
    re.compile(rf"""(?i)(["'][\w.-]*(?:{_WORDS})[\w.-]*["']\s*:\s*)("[^"]*"|'[^']*'|\d+)"""),  # "password": "…"
    re.compile(rf"""(?i)([{{,]\s*[\w.-]*(?:{_WORDS})[\w.-]*:\s+)({_VALUE})"""),  # {my.password: …}
    re.compile(rf"""(?i)({_START}(?:password|passwd|passphrase):\s+)({_VALUE})"""),
)
_FOLDERS = frozenset({"PWD", "OLDPWD"})  # variables of the shell, no passwords
_FILES = ("_FILE", "_PATH", "_DIR")  # variables that name where a secret is
_SHORTEST = 8  # characters of an environment variable's value that is looked for: shorter ones occur by chance


def is_secret_name(name: str) -> bool:
    """Whether a setting, an option or an environment variable of this name holds a secret."""
    return _NAME.search(name) is not None


def redacted_text(text: str) -> str:
    """The text with each secret that can be recognised in it made unreadable."""
    for value in _values_of_environment():
        text = text.replace(value, HIDDEN)
    for pattern in _IN_TEXT:
        text = pattern.sub(_hidden, text)
    return text


def redacted(value: Any, name: str = "") -> Any:
    """A plain value (text, number, mapping, list) with its secrets made unreadable; `name` is what it is called."""
    if isinstance(value, Mapping):
        return {key: redacted(inner, str(key)) for key, inner in value.items()}
    if value is not None and value != "" and is_secret_name(name):
        return HIDDEN
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    return redacted_text(value) if isinstance(value, str) else value


def _hidden(found: re.Match[str]) -> str:
    """The text before the secret as it was; quotes around the secret stay, so that JSON and YAML remain such."""
    quote = found[2][0] if found[2][0] in "\"'" else ""
    return f"{found[1]}{quote}{HIDDEN}{quote}"


def _values_of_environment() -> list[str]:
    """Values of environment variables that hold secrets, the longest first."""
    names = (name for name in os.environ if is_secret_name(name) and name not in _FOLDERS)
    held = (os.environ[name] for name in names if not name.upper().endswith(_FILES))
    return sorted((value for value in held if len(value) >= _SHORTEST), key=len, reverse=True)
