"""Aliases in a real MLflow registry; one that is down costs a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from cartograph.runtime.config import load_config
from cartograph.runtime.registry import point_aliases, settings_of
from cartograph.runtime.tracking import Tracking
from cartograph.runtime.tracking_store import tracking_uri
from cartograph.settings import Config


@pytest.fixture(autouse=True)
def _no_server_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def settings(place: Path, *more: str) -> Config:
    uri = f"tracking.uri=sqlite:///{place}/mlflow.db"
    return load_config("demo", [uri, f"tracking.artifacts={place}/runs", f"tracking.outbox={place}/outbox", *more])


def point(config: Config, **aliases: str) -> dict[str, str]:
    tracking = Tracking(config)
    with tracking.run("evaluate"):
        return point_aliases(tracking, config, "shop", aliases)


def test_an_alias_points_at_the_version_whose_run_holds_the_model_s_settings(tmp_path: Path) -> None:
    config = settings(tmp_path)
    first = point(config, champion="fused", challenger="als")
    client = MlflowClient(tracking_uri(config))
    champion, challenger = (client.get_model_version_by_alias("shop", name) for name in ("champion", "challenger"))
    assert (champion.tags["model"], challenger.tags["model"]) == ("fused", "als")
    params = client.get_run(challenger.run_id).data.params
    assert params["cf.als.rank"] == str(config.cf.als.rank)
    assert "rank.constant" in client.get_run(champion.run_id).data.params

    assert point(config, champion="als", challenger="fused") == {
        "champion": first["challenger"],
        "challenger": first["champion"],
    }
    assert client.get_model_version_by_alias("shop", "champion").tags["model"] == "als"

    other = point(settings(tmp_path, "cf.als.rank=8"), champion="als")
    assert other["champion"] not in first.values()
    assert (
        client.get_run(client.get_model_version_by_alias("shop", "champion").run_id).data.params["cf.als.rank"] == "8"
    )


def test_a_registry_that_is_down_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()  # no database can be there
    with pytest.warns(UserWarning, match="cannot be reached; the job continues without it"):
        assert point(settings(tmp_path), champion="als") == {}


def test_where_tracking_is_off_nothing_is_pointed_at(tmp_path: Path) -> None:
    assert point(settings(tmp_path, "tracking.enabled=false"), champion="als") == {}
    assert not (tmp_path / "mlflow.db").exists()


def test_the_settings_of_a_model_stand_in_its_section(tmp_path: Path) -> None:
    config = settings(tmp_path)
    assert settings_of(config, "gru")["sequence"]["gru"]["width"] == config.sequence.gru.width
    assert set(settings_of(config, "rules")) == {"rules"}
    assert settings_of(config, "unheard of") == {}
