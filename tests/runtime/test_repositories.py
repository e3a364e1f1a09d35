"""Settings that people already have for Spark and Maven decide where jars come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cartograph.runtime.repositories import Credentials, Repositories, configured

MAVEN = """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0">
  <servers><server><id>ours</id><username>reader</username><password>${{env.MIRROR_PASSWORD}}</password></server></servers>
  <mirrors>
    <mirror><id>other</id><mirrorOf>snapshots</mirrorOf><url>https://other.example/maven</url></mirror>
    <mirror><id>ours</id><mirrorOf>{mirror_of}</mirrorOf><url>https://mirror.example:8443/maven</url></mirror>
  </mirrors>
</settings>"""


def test_without_any_setting_sparks_default_stays(tmp_path: Path) -> None:
    assert configured(tmp_path, {}, tmp_path / "absent.xml") == Repositories()


@pytest.mark.parametrize(
    ("mirror_of", "mirrored"),
    [("central", True), ("*", True), ("external:*", True), ("a, central", True), ("*,!central", False), ("a", False)],
)
def test_a_maven_mirror_counts_when_it_covers_central(tmp_path: Path, mirror_of: str, mirrored: bool) -> None:
    (tmp_path / "settings.xml").write_text(MAVEN.format(mirror_of=mirror_of))
    found = configured(tmp_path, {"MIRROR_PASSWORD": "s3cret"}, tmp_path / "settings.xml")
    assert found.central == ("https://mirror.example:8443/maven" if mirrored else None)
    assert found.credentials == ((Credentials("mirror.example", "reader", "s3cret"),) if mirrored else ())
    assert "s3cret" not in repr(found)


def test_sparks_properties_are_read_and_the_projects_win_over_the_installations(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed/spark-defaults.conf").write_text(
        "spark.jars.repositories https://installed.example\nspark.jars.ivySettings=/etc/ivy settings.xml\n"
    )
    (tmp_path / "conf/spark-defaults.conf").write_text(
        "# spark.jars.repositories https://comment.example\nspark.jars.repositories   https://project.example  \n"
    )
    found = configured(tmp_path, {"SPARK_CONF_DIR": str(tmp_path / "installed")}, tmp_path / "absent.xml")
    assert found.extra == "https://project.example"
    assert found.ivy_settings == "/etc/ivy settings.xml"


def test_the_environment_wins_over_files(tmp_path: Path) -> None:
    (tmp_path / "settings.xml").write_text(MAVEN.format(mirror_of="*"))
    environ = {
        "CARTOGRAPH_IVY_SETTINGS": "/a/ivy.xml",
        "CARTOGRAPH_JAR_REPOSITORIES": "https://more.example",
        "DEFAULT_ARTIFACT_REPOSITORY": "https://central.example",
    }
    found = configured(tmp_path, environ, tmp_path / "settings.xml")
    assert (found.ivy_settings, found.extra, found.central) == tuple(environ.values())
