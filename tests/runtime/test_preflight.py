"""The preflight names each pair that clashes, and what to install instead."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from cartograph.runtime import jars, preflight

GOOD = {
    "pyspark": "4.0.5",
    "delta-spark": "4.4.0",
    "graphframes-py": "0.9.3",
    "petastorm": "0.12.1",
    "pyarrow": "14.0.2",
    "numpy": "1.26.4",
    "pandas": "2.2.3",
    "setuptools": "81.0.0",
    "torch": "2.13.0",
    "mlflow": "3.17.2",
}


def clashes(**changed: str | None) -> dict[str, str]:
    """Remedies by package, of the good environment with some versions changed."""
    versions = GOOD | {name.replace("_", "-"): version for name, version in changed.items()}
    return {f.subject: f.remedy for f in preflight.package_findings(versions.get) if f.remedy}


def test_this_environment_fits() -> None:
    assert preflight.check() == []
    preflight.require()


def test_the_tested_versions_do_not_clash() -> None:
    assert clashes() == {}


@pytest.mark.parametrize(
    ("name", "version", "reason"),
    [
        ("petastorm", "0.13.1", "silently loses rows"),
        ("pyarrow", "17.0.0", "petastorm reads with pyarrow up to 14 only"),
        ("numpy", "2.1.0", "pyarrow 14 is built for numpy 1"),
        ("setuptools", "82.0.1", "pkg_resources"),
        ("pyspark", "4.1.0", "Spark 4.0"),
        ("delta_spark", "4.4.1", "no jar of the same version"),
        ("graphframes_py", "0.10.0", "0.9 jar lacks"),
        ("torch", None, "tested with"),
    ],
)
def test_a_package_that_does_not_fit_is_named_with_what_to_install(name: str, version: str, reason: str) -> None:
    found = clashes(**{name: version})
    package = name.replace("_", "-")
    assert list(found) == [package]
    assert found[package].startswith(f'pip install -c constraints.txt "{package}')
    assert reason in found[package]


@pytest.mark.parametrize("intruder", ["graphframes", "pyspark_client", "databricks_connect"])
def test_a_package_that_overwrites_another_is_to_be_removed(intruder: str) -> None:
    package = intruder.replace("_", "-")
    assert clashes(**{intruder: "0.6"})[package].startswith(f"pip uninstall {package}")


@pytest.mark.parametrize(
    ("version", "fits"), [("17.0.15", True), ("21.0.2", False), ("1.8.0_402", False), (None, False)]
)
def test_only_jdk_17_will_do(version: str | None, fits: bool) -> None:
    assert (preflight.jdk_finding(version).remedy is None) == fits


@pytest.mark.parametrize(("version", "fits"), [((3, 11), True), ((3, 12), False)])
def test_only_python_3_11_will_do(version: tuple[int, int], fits: bool) -> None:
    assert (preflight.python_finding(version).remedy is None) == fits


def test_a_missing_java_is_no_crash(tmp_path: Path) -> None:
    assert preflight.java_version({"JAVA_HOME": str(tmp_path)}) is None


def test_jars_are_compared_with_the_lock_with_scala_and_with_their_python_packages(tmp_path: Path) -> None:
    for name in ("delta-spark_4.0_2.13-4.3.0.jar", "graphframes-spark4_2.12-0.9.3.jar", "postgresql-42.7.4.jar"):
        (tmp_path / name).touch()
    lock = (jars.Jar("delta-spark_4.0_2.13-4.4.0.jar", "0" * 64, ("io.delta:delta-spark_4.0_2.13:4.4.0",)),)
    found = {f.subject: f.remedy or "" for f in preflight.jar_findings(tmp_path, lock, GOOD.get, "2.13")}
    assert "delta-spark_4.0_2.13-4.4.0.jar missing or altered" in found["jars"]
    assert found["Scala of the jars"].startswith("remove graphframes-spark4_2.12-0.9.3.jar")
    assert found["delta-spark jar"].startswith("pip install delta-spark==4.3.0")
    assert found["graphframes-spark4 jar"] == ""


def test_all_clashes_are_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "installed", (GOOD | {"petastorm": "0.13.1", "numpy": "2.0.0"}).get)
    with pytest.raises(preflight.EnvironmentUnfit) as caught:
        preflight.require()
    assert "petastorm 0.13.1" in str(caught.value)
    assert "numpy 2.0.0" in str(caught.value)


def test_on_databricks_the_runtime_is_taken_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    monkeypatch.setenv("CARTOGRAPH_HOME", str(tmp_path))  # no jars here, and none are missed
    monkeypatch.setattr(preflight, "installed", {"pyarrow": "19.0.1"}.get)
    assert preflight.check() == []


def test_under_spark_submit_java_and_jars_are_not_looked_for(tmp_path: Path) -> None:
    subjects = [f.subject for f in preflight.findings({"PYSPARK_GATEWAY_PORT": "1"}, tmp_path)]
    assert "pyspark" in subjects
    assert not {"JDK", "jars"} & set(subjects)


def test_it_is_quick_and_imports_no_heavy_library() -> None:
    program = (
        "import sys; from cartograph.runtime import preflight; preflight.check();"
        "sys.exit(bool({'torch', 'pyspark', 'pandas', 'numpy', 'mlflow', 'petastorm'} & set(sys.modules)))"
    )
    started = time.monotonic()
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert time.monotonic() - started < 5  # 0.4 s on an idle machine
