"""Layers, refusals that name everything at once, and secrets that never show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cartograph.runtime import places
from cartograph.runtime.config import ConfigError, load_config, show_config
from cartograph.runtime.explained import explained
from cartograph.runtime.secrets import PUBLIC_KEY, SecretError, make_key_file
from cartograph.settings import Config

KEY = "CARTOGRAPH_PSEUDONYM_KEY"
LONG = "geheim-" * 5  # as long as a key must be


@pytest.fixture(autouse=True)
def _no_key_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.delenv(f"{KEY}_FILE", raising=False)


def refusal(*overrides: str, env: str = "demo", conf_dir: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(env, overrides, conf_dir)
    return str(caught.value)


def test_the_environment_wins_over_base_and_an_argument_over_both() -> None:
    base = yaml.safe_load((places.home() / "conf" / "base.yml").read_text())
    config = load_config("demo", ["shop.seed=5", "evaluate.k=[3, 7]"])
    assert config.lake.root == "build/demo/lake" != base["lake"]["root"]
    assert (config.shop.seed, config.evaluate.k) == (5, (3, 7))
    assert config.lake.lock_stale_seconds == base["lake"]["lock_stale_seconds"]


@pytest.mark.parametrize("env", ["demo", "local", "cluster", "databricks"])
def test_every_shipped_environment_is_valid(env: str) -> None:
    assert load_config(env, [f"preprocess.key_file={places.home()}/build/tests/key"]).env == env


def test_every_setting_of_base_has_a_comment() -> None:
    lines = (places.home() / "conf" / "base.yml").read_text().splitlines()
    settings = [i for i, line in enumerate(lines) if ": " in line.split("#")[0]]
    bare = [lines[i] for i in settings if "#" not in lines[i] and "#" not in lines[i + 1]]
    assert bare == []


def test_an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() -> None:
    assert "unknown key lake.rooot in --set lake.rooot=x; did you mean lake.root?" in refusal("lake.rooot=x")
    assert "unknown key shop.lock_stale_second" in refusal("shop.lock_stale_second=1")
    assert "did you mean lake.lock_stale_seconds?" in refusal("shop.lock_stale_second=1")


def test_all_problems_are_reported_at_once_with_their_file(tmp_path: Path) -> None:
    (tmp_path / "base.yml").write_text((places.home() / "conf" / "base.yml").read_text())
    (tmp_path / "demo.yml").write_text("lake: {rot: x}\nshop: {seed: many}\nspark: {log_level: LOUD}\n")
    message = refusal("evaluate.horizon_days=-1", conf_dir=tmp_path)
    origin = str(tmp_path / "demo.yml")
    for part in (
        f"unknown key lake.rot in {origin}",
        f"shop.seed = 'many' in {origin}",
        f"spark.log_level = 'LOUD' in {origin}",
        "evaluate.horizon_days = -1 in --set evaluate.horizon_days=-1",
    ):
        assert part in message


def test_base_is_made_from_the_settings_own_definitions() -> None:
    written = (places.home() / "conf" / "base.yml").read_text(encoding="utf-8")
    assert written == explained(Config), "run `make settings`"


def test_a_setting_missing_from_base_has_its_default(tmp_path: Path) -> None:
    (tmp_path / "base.yml").write_text("lake: {root: elsewhere}")
    (tmp_path / "bare.yml").write_text("")
    config = load_config("bare", conf_dir=tmp_path)
    assert config.lake.root == "elsewhere"
    assert config.model_copy(update={"lake": Config(env="bare").lake}) == Config(env="bare")


def test_settings_are_checked_without_spark_and_torch() -> None:
    heavy = (
        "import sys, cartograph.settings; print(sorted({'pyspark', 'torch', 'pandas', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_environment_names_those_there_are() -> None:
    assert "cluster, databricks, demo, local" in refusal(env="prod")


@pytest.mark.parametrize("override", ["lake.root", "=x", "lake.root=[1", "lake.root={a: 1}"])
def test_a_malformed_override_is_refused(override: str) -> None:
    assert refusal(override)


def test_spark_settings_are_free_but_their_values_are_not() -> None:
    assert load_config("demo", ["spark.conf={spark.a.b: 3}"]).spark.conf["spark.a.b"] == 3
    assert "spark.conf" in refusal("spark.conf=[1]")


def test_the_configuration_is_frozen(config: Config) -> None:
    with pytest.raises(Exception, match="frozen"):
        config.lake.root = "elsewhere"


def test_a_secret_is_refused_in_a_file_and_in_an_argument_and_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "base.yml").write_text((places.home() / "conf" / "base.yml").read_text())
    (tmp_path / "mine.yml").write_text("preprocess: {pseudonym_key: geheim}\n")
    for message in (refusal("preprocess.pseudonym_key=geheim"), refusal(env="mine", conf_dir=tmp_path)):
        assert f"set {KEY} or {KEY}_FILE" in message
        assert "geheim" not in message


def test_shown_and_printed_configurations_hide_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, LONG)
    config = load_config("cluster")
    assert config.preprocess.pseudonym_key is not None
    assert config.preprocess.pseudonym_key.get_secret_value() == LONG
    assert "geheim" not in show_config(config) + repr(config) + config.model_dump_json()
    assert yaml.safe_load(show_config(config))["preprocess"]["pseudonym_key"] == "**********"


def test_the_key_comes_from_the_environment_then_from_a_file_then_from_the_key_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def key(env: str, *overrides: str) -> str | None:
        secret = load_config(env, overrides).preprocess.pseudonym_key
        return secret.get_secret_value() if secret else None

    file = tmp_path / "deep" / "key"
    made = key("local", f"preprocess.key_file={file}")
    assert made is not None
    assert len(made) == 64
    assert file.stat().st_mode & 0o777 == 0o600
    assert key("local", f"preprocess.key_file={file}") == made  # kept, not made again
    assert (key("demo"), key("cluster"), key("databricks")) == (PUBLIC_KEY, None, None)
    monkeypatch.setenv(f"{KEY}_FILE", str(file))
    assert key("cluster") == made
    monkeypatch.setenv(KEY, LONG)
    assert key("local") == LONG


def test_an_empty_or_unreadable_secret_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{KEY}_FILE", str(tmp_path / "none"))
    with pytest.raises(SecretError, match="cannot read"):
        load_config("cluster")
    monkeypatch.setenv(KEY, "  ")
    with pytest.raises(SecretError, match=f"{KEY} is empty"):
        load_config("cluster")


@pytest.mark.parametrize("variable", [KEY, "CARTOGRAPH_OLD_PSEUDONYM_KEY"])
def test_a_key_that_could_be_guessed_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(variable, "x" * 31)
    with pytest.raises(SecretError, match=rf"{variable}: the pseudonym key has 31 bytes and needs 32 or more"):
        load_config("cluster")
    monkeypatch.setenv(variable, "é" * 16)  # bytes count, not letters
    load_config("cluster")
    monkeypatch.delenv(variable)
    monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "key"))
    (tmp_path / "key").write_text("short\n")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(SecretError, match=rf"{variable}_FILE: the pseudonym key has 5 bytes"):
        load_config("cluster")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666])
def test_a_key_file_that_others_can_read_is_refused(mode: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(LONG)
    file.chmod(mode)
    refused = rf"others can read the secret in {file} \(.*\): its mode is {mode:o}, make it 600"
    with pytest.raises(SecretError, match=refused):
        load_config("local", [f"preprocess.key_file={file}"])
    monkeypatch.setenv(f"{KEY}_FILE", str(file))
    with pytest.raises(SecretError, match=refused):
        load_config("cluster")
    file.chmod(0o600)
    assert load_config("cluster").preprocess.pseudonym_key is not None


def test_of_two_processes_that_make_the_key_file_the_first_wins(tmp_path: Path) -> None:
    make_key_file(tmp_path / "key")
    first = (tmp_path / "key").read_text()
    make_key_file(tmp_path / "key")
    assert (tmp_path / "key").read_text() == first
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_scale_of_ratings_that_says_nothing_is_refused() -> None:
    assert load_config("demo", ["ratings.scale=[0, 1]", "ratings.neutral=0"]).ratings.scale == (0.0, 1.0)
    assert "scale must go from the worst rating to the best, not from 5 to 1" in refusal("ratings.scale=[5, 1]")
    assert "neutral must be at least 1 and below 10, and is 10" in refusal(
        "ratings.scale=[1, 10]", "ratings.neutral=10"
    )


@pytest.mark.parametrize("section", ["cf", "graph"])
def test_event_weights_are_of_types_that_there_are(section: str) -> None:
    assert "there are no events of type purchases" in refusal(f"{section}.event_weights.purchases=1")
    assert "rating is the weight of the best rating, 0 or more" in refusal(f"{section}.event_weights.rating=-1")
