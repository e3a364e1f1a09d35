"""The jars that Spark needs, fetched once into the project and checked; afterwards they are plain files.

`python -m cartograph.runtime.jars` brings `.jars/` to what `jars.lock` says. They are resolved with the Ivy inside
Spark, in a folder of our own: a half-filled `~/.m2` would make it fail. A run may be interrupted at any time: a jar
gets its name only when it is complete and its sum is right.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograph.core.errors import UserError
from cartograph.core.redaction import redacted_text
from cartograph.runtime import places
from cartograph.runtime.repositories import Repositories, configured

LOCK = Path(__file__).with_name("jars.lock")
CENTRAL = "DEFAULT_ARTIFACT_REPOSITORY"  # Spark asks there instead of Maven Central

Resolve = Callable[[str], Path]


class JarRefused(UserError):
    """A jar is served nowhere, or not with the sum that the lock names."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock: the file's name and SHA-256, and the Maven coordinates it may come from."""

    file: str
    sha256: str
    sources: tuple[str, ...]
    only: tuple[str, ...] = ()

    @property
    def artifact(self) -> str:
        """The file's name without version: `delta-storage` for `delta-storage-4.4.0.jar`."""
        return self.file.rpartition("-")[0]


def read_lock(path: Path = LOCK) -> tuple[Jar, ...]:
    """The jars of a lock file, in its order."""
    entries = tomllib.loads(path.read_text())["jar"]
    return tuple(Jar(e["file"], e["sha256"], tuple(e["from"]), tuple(e.get("only", ()))) for e in entries)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wanting(folder: Path, jars: Sequence[Jar]) -> list[Jar]:
    """The jars that `folder` lacks or holds with another sum."""
    return [jar for jar in jars if not (folder / jar.file).exists() or sha256(folder / jar.file) != jar.sha256]


def install(folder: Path, jars: Sequence[Jar], repositories: Repositories, say: Callable[[str], None] = print) -> int:
    """Bring `folder` to exactly `jars` and return how many were fetched; other versions of them are removed.

    Raises JarRefused when a jar is served by none of its sources with the right sum; what was fetched before stays.
    """
    if not wanting(folder, jars):
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second set-up waits, then finds the work done
        missing = wanting(folder, jars)
        if missing:
            with ivy(folder / ".ivy", repositories) as resolve:
                for jar in missing:
                    say(f"{jar.file}: from {fetch(jar, folder, resolve)}")
            shutil.rmtree(folder / ".ivy")
    _remove_other_versions(folder, jars)
    return len(missing)


def fetch(jar: Jar, folder: Path, resolve: Resolve) -> str:
    """Put one jar into `folder` and return the source it came from."""
    part = folder / f".{jar.file}.part"
    refusals: list[str] = []
    for source in jar.sources:
        try:
            found = resolve(source)
        except JarRefused as error:
            refusals.append(str(error))
            continue
        if jar.only:
            repack(found, part, jar.only)
        else:
            shutil.copyfile(found, part)
        digest = sha256(part)
        if digest == jar.sha256:
            part.replace(folder / jar.file)
            return source
        part.unlink()
        refusals.append(f"{source} has SHA-256 {digest}")
    raise JarRefused(f"{jar.file} is refused: {'; '.join(refusals)}; the lock file requires SHA-256 {jar.sha256}")


def repack(source: Path, target: Path, prefixes: Sequence[str]) -> None:
    """Write the entries under `prefixes` to `target`: sorted, stored, undated, so equal entries give equal bytes."""
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as part:
        for name in sorted(whole.namelist()):
            if name.startswith(tuple(prefixes)) and not name.endswith("/"):
                entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                entry.create_system = 3  # else it differs by operating system
                part.writestr(entry, whole.read(name))


def _remove_other_versions(folder: Path, jars: Sequence[Jar]) -> None:
    """Drop the files that an earlier lock put there: two versions of one artifact on a class path clash."""
    kept = {jar.file for jar in jars}
    artifacts = {jar.artifact for jar in jars}
    for path in folder.glob("*.jar"):
        if path.name not in kept and path.name.rpartition("-")[0] in artifacts:
            path.unlink()


@contextmanager
def ivy(folder: Path, repositories: Repositories) -> Iterator[Resolve]:
    """A function from Maven coordinates to a jar's file, without what that jar depends on; Ivy's log is in `folder`.

    It runs in a JVM without a Spark session, with `folder` as Ivy's home.
    """
    from pyspark import java_gateway

    launch: Callable[..., Any] = java_gateway.launch_gateway
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "resolution.log"
    before = os.environ.get(CENTRAL)
    with log.open("w") as output:
        if repositories.central:
            os.environ[CENTRAL] = repositories.central  # for the JVM about to start
        gateway = launch(popen_kwargs={"stdout": output, "stderr": output})
        if before is None:
            os.environ.pop(CENTRAL, None)
    try:
        jvm = gateway.jvm
        stream = jvm.java.io.PrintStream(str(log))
        settings = _ivy_settings(jvm, folder, repositories, stream)
        yield lambda coordinates: _resolve(jvm, settings, coordinates, stream, log)
    finally:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()
        log.write_text(redacted_text(log.read_text(errors="replace")))  # it names repositories as they were given


def _ivy_settings(jvm: Any, folder: Path, repositories: Repositories, stream: Any) -> Any:
    """Spark's Ivy settings for these repositories, with everything Ivy keeps in `folder`."""
    for user in repositories.credentials:
        store = jvm.org.apache.ivy.util.url.CredentialsStore.INSTANCE
        store.addCredentials(None, user.host, user.username, user.password)  # any realm
    option = jvm.scala.Option
    extra, home = option.apply(repositories.extra), option.apply(str(folder.resolve()))
    maven = jvm.org.apache.spark.util.MavenUtils
    if repositories.ivy_settings:
        return maven.loadIvySettings(repositories.ivy_settings, extra, home, stream)
    without_local_maven = False
    return maven.buildIvySettings(extra, home, without_local_maven, stream)


def _resolve(jvm: Any, settings: Any, coordinates: str, stream: Any, log: Path) -> Path:
    """The file of one artifact; raises JarRefused when no repository serves it."""
    from py4j.protocol import Py4JJavaError

    maven = jvm.org.apache.spark.util.MavenUtils
    no_cache, no_exclusions = jvm.scala.Option.empty(), jvm.PythonUtils.toSeq([])
    transitive = test = False
    try:
        found = maven.resolveMavenCoordinates(coordinates, settings, no_cache, transitive, no_exclusions, test, stream)
    except Py4JJavaError as error:
        raise JarRefused(f"{coordinates} is not served ({error.java_exception.getMessage()}; see {log})") from None
    return Path(found.apply(0))


def main() -> None:
    """Bring the project's jars to the lock; a refused jar ends with its reason and status 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=places.home() / ".jars", help="where the jars go")
    folder = parser.parse_args().folder
    jars = read_lock()
    try:
        fetched = install(folder, jars, configured(places.home()))
    except JarRefused as error:
        sys.exit(f"{error}\nBehind a mirror, see «Set-up behind a mirror» in docs/operations.md.")
    print(f"{len(jars)} jars in {folder}, {fetched} fetched")


if __name__ == "__main__":
    main()
