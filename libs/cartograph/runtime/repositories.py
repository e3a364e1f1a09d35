"""Which repositories jars come from: what Spark's and Maven's own settings say, so that a mirror needs no new setting.

| setting | effect |
|---|---|
| `CARTOGRAPH_IVY_SETTINGS`, else `spark.jars.ivySettings` | an Ivy settings file, which then decides alone |
| `CARTOGRAPH_JAR_REPOSITORIES`, else `spark.jars.repositories` | repositories asked as well, by comma |
| `DEFAULT_ARTIFACT_REPOSITORY`, else a mirror of `central` or `*` of `~/.m2/settings.xml` | asked instead of Central |
| `<servers>` of `~/.m2/settings.xml` | user and password for that mirror |

Spark's properties: `conf/spark-defaults.conf` of the project, then that of `SPARK_CONF_DIR` (or `SPARK_HOME/conf`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree


@dataclass(frozen=True)
class Credentials:
    """A user of a repository's host."""

    host: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Repositories:
    """The repositories that jars are fetched from; `central` replaces Maven Central, None leaves Spark's default."""

    ivy_settings: str | None = None
    extra: str | None = None
    central: str | None = None
    credentials: tuple[Credentials, ...] = ()


def configured(home: Path, environ: Mapping[str, str] = os.environ, maven_settings: Path | None = None) -> Repositories:
    """The repositories that the project at `home`, the environment and Maven's user settings name."""
    spark = _spark_properties(home, environ)
    mirror, credentials = _maven_mirror(maven_settings or Path.home() / ".m2" / "settings.xml", environ)
    return Repositories(
        ivy_settings=environ.get("CARTOGRAPH_IVY_SETTINGS") or spark.get("spark.jars.ivySettings"),
        extra=environ.get("CARTOGRAPH_JAR_REPOSITORIES") or spark.get("spark.jars.repositories"),
        central=environ.get("DEFAULT_ARTIFACT_REPOSITORY") or mirror,
        credentials=credentials,
    )


def _spark_properties(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Spark's properties by key; the project's win over the installation's."""
    folders = [home / "conf"]
    if "SPARK_CONF_DIR" in environ:
        folders.append(Path(environ["SPARK_CONF_DIR"]))
    elif "SPARK_HOME" in environ:
        folders.append(Path(environ["SPARK_HOME"]) / "conf")
    properties: dict[str, str] = {}
    for path in (folder / "spark-defaults.conf" for folder in reversed(folders)):
        text = path.read_text() if path.exists() else ""
        properties |= dict(re.findall(r"^[ \t]*([^#\s=]\S*?)[ \t]*[ \t=][ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE))
    return properties


def _maven_mirror(settings: Path, environ: Mapping[str, str]) -> tuple[str | None, tuple[Credentials, ...]]:
    """The URL that Maven would use for its central repository, and who asks there."""
    if not settings.exists():
        return None, ()
    root = ElementTree.parse(settings).getroot()
    mirrors = [_texts(mirror, environ) for mirror in root.findall("{*}mirrors/{*}mirror")]
    mirror = next((mirror for mirror in mirrors if _mirrors_central(mirror.get("mirrorOf", ""))), None)
    if mirror is None:
        return None, ()
    host = urlsplit(mirror["url"]).hostname or ""
    servers = (_texts(server, environ) for server in root.findall("{*}servers/{*}server"))
    credentials = tuple(
        Credentials(host, server["username"], server.get("password", ""))
        for server in servers
        if server.get("id") == mirror.get("id") and "username" in server
    )
    return mirror["url"], credentials


def _mirrors_central(mirror_of: str) -> bool:
    """Whether Maven's `mirrorOf` list covers the repository `central`."""
    names = {name.strip() for name in mirror_of.split(",")}
    return "!central" not in names and not names.isdisjoint({"central", "*", "external:*"})


def _texts(element: ElementTree.Element, environ: Mapping[str, str]) -> dict[str, str]:
    """The element's children by tag, with Maven's `${env.NAME}` filled in."""
    return {
        child.tag.rpartition("}")[2]: re.sub(
            r"\$\{env\.(\w+)\}", lambda match: environ.get(match[1], match[0]), (child.text or "").strip()
        )
        for child in element
    }
