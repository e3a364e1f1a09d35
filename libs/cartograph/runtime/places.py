"""The places of the project's files, whatever directory a job is started from."""

from __future__ import annotations

import os
import re
from pathlib import Path

_SCHEME = re.compile(r"^(jdbc:|[a-zA-Z][a-zA-Z0-9+.-]*:/)")


def home() -> Path:
    """The project's root: `CARTOGRAPH_HOME`, else the checkout this file is in, else the working directory."""
    if "CARTOGRAPH_HOME" in os.environ:
        return Path(os.environ["CARTOGRAPH_HOME"]).resolve()
    checkout = Path(__file__).resolve().parents[3]
    return checkout if (checkout / "conf" / "base.yml").exists() else Path.cwd()


def resolve(path: str) -> str:
    """`path` made absolute under the project's root; a URI such as `s3a://…`, `dbfs:/…` or `jdbc:…` stays as it is."""
    path = re.sub("^file:/+", "/", path)
    return path if _SCHEME.match(path) else str((home() / Path(path).expanduser()).resolve())


def is_local(path: str) -> bool:
    """Whether `path` is on this machine's file system."""
    return not _SCHEME.match(path)
