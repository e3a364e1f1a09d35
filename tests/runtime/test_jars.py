"""Jars are fetched once, checked, and never half there. The repositories are folders on this machine: no network."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cartograph.runtime import jars
from cartograph.runtime.jars import Jar, JarRefused
from cartograph.runtime.repositories import Repositories, configured


def write_jar(path: Path, entries: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        for name, text in entries.items():
            jar.writestr(name, text)
    return path


def publish(repository: Path, coordinates: str, entries: dict[str, str], depends_on: str = "") -> Path:
    """Put a jar and its .pom where Maven looks for them."""
    group, artifact, version = coordinates.split(":")
    folder = repository / group.replace(".", "/") / artifact / version
    jar = write_jar(folder / f"{artifact}-{version}.jar", entries)
    needs = ""
    if depends_on:
        g, a, v = depends_on.split(":")
        needs = f"<dependency><groupId>{g}</groupId><artifactId>{a}</artifactId><version>{v}</version></dependency>"
    (folder / f"{artifact}-{version}.pom").write_text(
        f"<project><modelVersion>4.0.0</modelVersion><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{version}</version><dependencies>{needs}</dependencies></project>"
    )
    return jar


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a jar that depends on another, and one that carries foreign classes."""
    folder = tmp_path / "repository"
    publish(folder, "org.example:store:1.0", {"org/example/Store.class": "store"}, depends_on="org.example:log:1.0")
    publish(folder, "org.example:log:1.0", {"org/example/Log.class": "log"})
    publish(
        folder, "org.shaded:all:2.0", {"com/big/Big.class": "big", "org/graphs/B.class": "b", "org/graphs/A.class": "a"}
    )
    return folder


@pytest.fixture
def lock(repository: Path, tmp_path: Path) -> tuple[Jar, ...]:
    """Two jars: one as served, one cut out of another source than the first named."""
    store = repository / "org/example/store/1.0/store-1.0.jar"
    cut = tmp_path / "cut.jar"
    jars.repack(repository / "org/shaded/all/2.0/all-2.0.jar", cut, ["org/graphs/"])
    return (
        Jar("store-1.0.jar", jars.sha256(store), ("org.example:store:1.0",)),
        Jar("graphs-2.0.jar", jars.sha256(cut), ("org.graphs:graphs:2.0", "org.shaded:all:2.0"), ("org/graphs/",)),
    )


@pytest.fixture
def ivy_settings(repository: Path, tmp_path: Path) -> Path:
    """Ivy settings that know this repository alone."""
    path = tmp_path / "ivysettings.xml"
    path.write_text(
        f'<ivysettings><settings defaultResolver="mirror"/><resolvers><ibiblio name="mirror" m2compatible="true" '
        f'root="{repository.as_uri()}/"/></resolvers></ivysettings>'
    )
    return path


@pytest.fixture
def from_folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces Ivy by a look into the repository's folder; returns the list of what was asked for."""
    asked: list[str] = []

    def resolve(coordinates: str) -> Path:
        asked.append(coordinates)
        group, artifact, version = coordinates.split(":")
        path = repository / group.replace(".", "/") / artifact / version / f"{artifact}-{version}.jar"
        if not path.exists():
            raise JarRefused(f"{coordinates} is not served")
        return path

    @contextmanager
    def ivy(folder: Path, repositories: Repositories) -> Iterator[jars.Resolve]:
        folder.mkdir(exist_ok=True)
        yield resolve

    monkeypatch.setattr(jars, "ivy", ivy)
    return asked


def test_ivy_fetches_exactly_the_jars_of_the_lock_from_the_second_source_where_the_first_has_none(
    tmp_path: Path, lock: tuple[Jar, ...], ivy_settings: Path
) -> None:
    folder = tmp_path / "jars"
    repositories = configured(tmp_path, {"CARTOGRAPH_IVY_SETTINGS": str(ivy_settings)}, tmp_path / "absent.xml")
    fetched = jars.install(folder, lock, repositories, say=lambda _: None)
    assert fetched == 2
    assert sorted(path.name for path in folder.glob("*.jar")) == ["graphs-2.0.jar", "store-1.0.jar"]  # log-1.0 is not
    assert zipfile.ZipFile(folder / "graphs-2.0.jar").namelist() == ["org/graphs/A.class", "org/graphs/B.class"]
    assert jars.wanting(folder, lock) == []


def test_a_maven_mirror_of_central_is_asked_instead_of_it(
    tmp_path: Path, repository: Path, lock: tuple[Jar, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEFAULT_ARTIFACT_REPOSITORY", raising=False)
    settings = tmp_path / "settings.xml"
    settings.write_text(
        "<settings><mirrors><mirror><id>ours</id><mirrorOf>*</mirrorOf>"
        f"<url>{repository.as_uri()}/</url></mirror></mirrors></settings>"
    )
    repositories = configured(tmp_path, {}, settings)
    assert jars.install(tmp_path / "jars", lock[:1], repositories, say=lambda _: None) == 1


def test_a_second_run_asks_for_nothing(tmp_path: Path, lock: tuple[Jar, ...], from_folder: list[str]) -> None:
    folder = tmp_path / "jars"
    assert jars.install(folder, lock, Repositories(), say=lambda _: None) == 2
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    from_folder.clear()
    assert jars.install(folder, lock, Repositories(), say=lambda _: None) == 0
    assert from_folder == []
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_jar_with_a_wrong_sum_is_refused_and_not_left_behind(
    tmp_path: Path, lock: tuple[Jar, ...], repository: Path, from_folder: list[str]
) -> None:
    write_jar(repository / "org/example/store/1.0/store-1.0.jar", {"org/example/Store.class": "altered"})
    with pytest.raises(
        JarRefused, match=rf"store-1.0.jar is refused.*has SHA-256 \w+; the lock file requires SHA-256 {lock[0].sha256}"
    ):
        jars.install(tmp_path / "jars", lock, Repositories(), say=lambda _: None)
    assert list((tmp_path / "jars").glob("*store*")) == []


def test_a_damaged_jar_is_fetched_again(tmp_path: Path, lock: tuple[Jar, ...], from_folder: list[str]) -> None:
    folder = tmp_path / "jars"
    jars.install(folder, lock, Repositories(), say=lambda _: None)
    with (folder / "store-1.0.jar").open("ab") as file:
        file.write(b"\0")
    from_folder.clear()
    assert jars.install(folder, lock, Repositories(), say=lambda _: None) == 1
    assert from_folder == ["org.example:store:1.0"]


def test_an_interrupted_run_keeps_its_files_and_the_next_one_resumes(
    tmp_path: Path, lock: tuple[Jar, ...], from_folder: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "jars"
    with monkeypatch.context() as interrupted:

        def stop(source: Path, target: Path, prefixes: object) -> None:
            target.write_bytes(b"half a j")
            raise KeyboardInterrupt

        interrupted.setattr(jars, "repack", stop)
        with pytest.raises(KeyboardInterrupt):
            jars.install(folder, lock, Repositories(), say=lambda _: None)
    assert [path.name for path in folder.glob("*.jar")] == ["store-1.0.jar"]
    assert jars.install(folder, lock, Repositories(), say=lambda _: None) == 1
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "graphs-2.0.jar", "store-1.0.jar"]


def test_another_version_of_a_locked_jar_is_removed_and_a_foreign_jar_stays(
    tmp_path: Path, lock: tuple[Jar, ...], from_folder: list[str]
) -> None:
    folder = tmp_path / "jars"
    write_jar(folder / "store-0.9.jar", {"old": ""})
    write_jar(folder / "jdbc-driver-5.jar", {"driver": ""})
    jars.install(folder, lock, Repositories(), say=lambda _: None)
    assert sorted(path.name for path in folder.glob("*.jar")) == [
        "graphs-2.0.jar",
        "jdbc-driver-5.jar",
        "store-1.0.jar",
    ]


def test_repacking_gives_the_same_bytes_whatever_the_order_and_dates(tmp_path: Path) -> None:
    first = write_jar(tmp_path / "first.jar", {"a/1": "one", "a/2": "two", "b/3": "three"})
    second = tmp_path / "second.jar"
    with zipfile.ZipFile(second, "w", zipfile.ZIP_DEFLATED) as jar:
        for name, text in (("c/9", "nine"), ("a/2", "two"), ("a/1", "one")):
            jar.writestr(zipfile.ZipInfo(name, date_time=(2020, 5, 5, 5, 5, 4)), text)
    for source in (first, second):
        jars.repack(source, source.with_suffix(".cut"), ["a/"])
    assert first.with_suffix(".cut").read_bytes() == second.with_suffix(".cut").read_bytes()


def test_the_lock_names_seven_delta_jars_and_graphframes() -> None:
    lock = jars.read_lock()
    assert len(lock) == 8
    assert sum("graphframes" in jar.file for jar in lock) == 1
    assert all(len(jar.sha256) == 64 for jar in lock)
    assert all(jar.sources[0].split(":")[1:] == jar.file.removesuffix(".jar").rsplit("-", 1) for jar in lock)
