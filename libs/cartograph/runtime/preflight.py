"""Whether the installed versions are compatible: checked by every job before it starts Spark, and by `make doctor`.

Each clash names the pair and what to install instead. Nothing is imported or installed to find out: versions come
from the packages' metadata and from the names of the jars. On Databricks the session given is used as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from packaging.specifiers import SpecifierSet

from cartograph.core.errors import UserError
from cartograph.runtime import jars, places

Version = Callable[[str], str | None]

# name, versions that work, why the others do not
PACKAGES = (
    ("pyspark", ">=4.0.5,<4.1", "the jars are built for Spark 4.0"),
    ("delta-spark", "==4.4.0", "4.4.1 has no jar of the same version"),
    ("graphframes-py", "==0.9.3", "0.10 and later call methods that the 0.9 jar lacks"),
    ("petastorm", "==0.12.1", "0.13.1 silently loses rows with its thread pool"),
    ("pyarrow", ">=14,<15", "petastorm reads with pyarrow up to 14 only"),
    ("numpy", ">=1.26,<2", "pyarrow 14 is built for numpy 1"),
    ("pandas", ">=2.2,<2.3", "pyarrow 14 and numpy 1.26 need pandas 2.2"),
    ("setuptools", "<82", "petastorm needs pkg_resources, which 82 no longer has"),
    ("torch", ">=2.13,<3", "tested with 2.13"),
    ("mlflow", ">=3.17,<4", "tested with 3.17"),
)

# Packages that put their files over those of another one.
INTRUDERS = (
    ("graphframes", "graphframes-py", "it is a dead 0.6 with the same import name"),
    ("pyspark-client", "pyspark", "both bring the folder pyspark; Airflow belongs in .venv-airflow"),
    ("databricks-connect", "pyspark", "both bring the folder pyspark"),
)


class EnvironmentUnfit(UserError):
    """The installed versions are incompatible; the message names every conflict."""


@dataclass(frozen=True)
class Problem:
    """Something that clashes, and what to do about it."""

    subject: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.remedy}"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table: what was checked, found and required; `remedy` if they differ."""

    subject: str
    found: str
    required: str
    remedy: str | None = None


def check() -> list[Problem]:
    """Everything that clashes here, all at once; empty on Databricks, whose runtime is taken as it is."""
    return [Problem(f"{f.subject} {f.found}", f.remedy) for f in findings() if f.remedy]


def require() -> None:
    """Raise EnvironmentUnfit, naming every clash, unless all fits."""
    problems = check()
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise EnvironmentUnfit(f"What is installed does not work together (see `make doctor`):\n{lines}")


def findings(environ: Mapping[str, str] = os.environ, home: Path | None = None) -> list[Finding]:
    """Every line of the doctor's table, good and bad."""
    if "DATABRICKS_RUNTIME_VERSION" in environ:
        return [Finding("Databricks Runtime", environ["DATABRICKS_RUNTIME_VERSION"], "as given")]
    submitted = "PYSPARK_GATEWAY_PORT" in environ  # spark-submit has chosen Java and jars already
    found = [python_finding(sys.version_info[:2]), *package_findings(installed)]
    if not submitted:
        folder = (home or places.home()) / ".jars"
        found += [jdk_finding(java_version(environ)), *jar_findings(folder, jars.read_lock(), installed, spark_scala())]
    return found


def installed(name: str) -> str | None:
    """The version of an installed package, None if it is absent."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def python_finding(version: tuple[int, ...]) -> Finding:
    """Whether Python is 3.11."""
    remedy = None if version == (3, 11) else "install Python 3.11 and run `make setup`"
    return Finding("Python", ".".join(map(str, version)), "3.11", remedy)


def java_version(environ: Mapping[str, str] = os.environ) -> str | None:
    """The version that `java -version` prints, of `JAVA_HOME` if set; None without Java."""
    java = str(Path(environ["JAVA_HOME"]) / "bin" / "java") if environ.get("JAVA_HOME") else "java"
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return None
    match = re.search(r'version "([^"]+)"', answer)
    return match[1] if match else None


def jdk_finding(version: str | None) -> Finding:
    """Whether the JDK is 17."""
    remedy = None
    if version is None or version.split(".")[0] != "17":
        remedy = "install JDK 17 (`apt install openjdk-17-jdk-headless`) or set JAVA_HOME to one"
    return Finding("JDK", version or "absent", "17", remedy)


def package_findings(version: Version) -> Iterator[Finding]:
    """One line per package whose version matters, then one per intruder that is there."""
    for name, required, reason in PACKAGES:
        found = version(name)
        fits = found is not None and SpecifierSet(required).contains(found, prereleases=True)
        remedy = None if fits else f'pip install -c constraints.txt "{name}{required}" ({reason})'
        yield Finding(name, found or "absent", required, remedy)
    for intruder, owner, reason in INTRUDERS:
        found = version(intruder)
        if found is not None:
            remedy = (
                f"pip uninstall {intruder}, then pip install --force-reinstall -c constraints.txt {owner} ({reason})"
            )
            yield Finding(intruder, found, "absent", remedy)


def spark_scala() -> str | None:
    """The Scala version that the installed Spark is built with, from the name of its core jar."""
    spec = util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        return None
    names = (path.name for path in (Path(spec.origin).parent / "jars").glob("spark-core_*.jar"))
    return next((name.split("_")[1].split("-")[0] for name in names), None)


def jar_findings(folder: Path, lock: tuple[jars.Jar, ...], version: Version, scala: str | None) -> Iterator[Finding]:
    """Whether the jars are complete and unaltered, and of the same versions as Spark and the Python packages."""
    wanting = jars.wanting(folder, lock)
    remedy = f"run `make setup` ({', '.join(jar.file for jar in wanting)} missing or altered)" if wanting else None
    yield Finding("jars", f"{len(lock) - len(wanting)} of {len(lock)}", "as in jars.lock", remedy)
    names = [path.name for path in sorted(folder.glob("*.jar"))]
    yield from scala_findings(names, scala)
    for artifact, package in (("delta-spark", "delta-spark"), ("graphframes-spark4", "graphframes-py")):
        yield from pair_findings(names, artifact, package, version(package))


def scala_findings(names: list[str], scala: str | None) -> Iterator[Finding]:
    """One line for Scala: every jar that names a Scala version must name Spark's."""
    others = [name for name in names if (match := re.search(r"_(2\.\d+|3)-", name)) and match[1] != scala]
    remedy = f"remove {', '.join(others)}: Spark here is built with Scala {scala}" if others else None
    yield Finding("Scala of the jars", ", ".join(others) or str(scala), str(scala), remedy)


def pair_findings(names: list[str], artifact: str, package: str, version: str | None) -> Iterator[Finding]:
    """One line per jar of `artifact`: its version must be that of the Python package which calls it."""
    for name in names:
        match = re.fullmatch(rf"{artifact}_[\d._]*-([\d.]+)\.jar", name)
        if match:
            remedy = None if match[1] == version else f"pip install {package}=={match[1]}, or run `make setup`"
            yield Finding(f"{artifact} jar", match[1], f"{package} {version}", remedy)


def main() -> None:
    """Print the table; status 1 if something clashes."""
    from rich.console import Console
    from rich.table import Table

    from cartograph.runtime.terminal import printed

    table = Table("", "found", "required", "what to do", title="Cartograph: what is installed")
    found = findings()
    for line in found:
        style = "red" if line.remedy else ""
        texts = (line.subject, line.found, line.required, line.remedy or "ok")
        table.add_row(*map(printed, texts), style=style)
    Console().print(table)
    sys.exit(1 if any(line.remedy for line in found) else 0)


if __name__ == "__main__":
    main()
