"""No output of a job shows a password: configuration, errors, progress, runs, Spark's interface."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from pyspark.sql import SparkSession
from rich.console import Console

from cartograph.core.errors import UserError
from cartograph.core.redaction import HIDDEN, SECRET_NAME
from cartograph.runtime import command_line
from cartograph.runtime.config import ConfigError, load_config, redacted, show_config
from cartograph.runtime.progress import Progress
from cartograph.runtime.session import session_settings
from cartograph.runtime.tracking import Tracking
from cartograph.settings import Config
from tests.conftest import ROOT

SECRET = "Tr0ub4dorXq9"
CONF = f"spark.conf={{spark.hadoop.fs.s3a.secret.key: {SECRET}, spark.executor.cores: 4}}"
URI = f"tracking.uri=postgresql://mlflow:{SECRET}@127.0.0.1:9/mlflow"


@pytest.fixture(autouse=True)
def _no_server_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def secretive() -> Config:
    return load_config("demo", [CONF, URI, f"lake.root=s3a://AKIA:{SECRET}@bucket/lake"])


def test_the_configuration_shows_settings_and_hides_what_is_secret_in_them(secretive: Config) -> None:
    shown = show_config(secretive)
    assert SECRET not in shown
    assert f"fs.s3a.secret.key: '{HIDDEN}'" in shown
    assert "spark.executor.cores: 4" in shown
    assert f"uri: postgresql://mlflow:{HIDDEN}@127.0.0.1:9/mlflow" in shown
    assert secretive.spark.conf["spark.hadoop.fs.s3a.secret.key"] == SECRET  # what Spark gets


def test_no_setting_but_the_secret_ones_is_hidden() -> None:
    def hidden(values: dict[str, object], path: str = "") -> list[str]:
        inner = [name for key, value in values.items() if isinstance(value, dict) for name in hidden(value, f"{key}.")]
        return inner + [path + key for key, value in values.items() if value == HIDDEN]

    assert hidden(redacted(load_config("demo"))) == ["preprocess.pseudonym_key"]


@pytest.mark.parametrize(
    "wrong", [f"spark.conf={{my.password: [{SECRET}]}}", f"sparc={{my.token: {SECRET}}}", f"password={SECRET}"]
)
def test_a_refused_setting_is_reported_without_its_secret(wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config("demo", [wrong])
    assert SECRET not in str(refused.value)
    assert HIDDEN in str(refused.value)


def test_errors_of_every_kind_are_shown_without_secrets() -> None:
    assert str(UserError(f"jdbc:postgresql://db/shop?password={SECRET} does not answer")).endswith(
        f"password={HIDDEN} does not answer"
    )


def test_a_trace_on_the_terminal_hides_secrets_too(
    secretive: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ValueError(f"could not connect to {secretive.tracking.uri}")

    monkeypatch.setattr(command_line.Suite, "open", broken)
    with pytest.raises(SystemExit):
        command_line.main("rules", lambda _: None, None, argv=["--env", "demo", "--as-of", "2011-11-01"])
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.count(HIDDEN) == 2  # in the trace and in the last line
    assert SECRET not in shown


def test_progress_hides_secrets() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=80))
    with progress.step(f"ingest ftp://u:{SECRET}@h"):
        progress.say(f"reads jdbc:oracle:thin:scott/{SECRET}@//db:1521/shop")
    assert SECRET not in out.getvalue()
    assert out.getvalue().count(HIDDEN) == 3


def test_runs_that_are_recorded_hide_secrets(tmp_path: Path) -> None:
    config = load_config("demo", [CONF, f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"])
    tracking = Tracking(config)
    with pytest.raises(ValueError):
        fail(tracking, dict(config.spark.conf))
    (run,) = MlflowClient(config.tracking.uri).search_runs([str(tracking._experiment)])
    assert run.data.params["conf.spark.hadoop.fs.s3a.secret.key"] == HIDDEN
    assert run.data.params["conf.spark.executor.cores"] == "4"
    assert run.data.tags["error"] == f"ValueError: login failed: password={HIDDEN}"
    assert SECRET not in json.dumps(run.to_dictionary(), default=str)
    assert SECRET not in run.inputs.dataset_inputs[0].dataset.source
    assert SECRET.encode() not in (tmp_path / "mlflow.db").read_bytes()


def test_the_outbox_and_the_warning_hide_secrets_and_nan_is_text(
    tmp_path: Path,
) -> None:
    uri = f"tracking.uri=http://mlflow:{SECRET}@127.0.0.1:9"
    config = load_config("demo", [uri, f"tracking.outbox={tmp_path}", "tracking.timeout_seconds=1"])
    tracking = Tracking(config)
    with pytest.warns(UserWarning, match="cannot be reached") as warned, pytest.raises(ValueError):
        fail(tracking, {"loss": float("nan")})
    assert not [text for text in map(str, warned) if SECRET in text]
    (file,) = tmp_path.glob("*.json")
    assert SECRET not in file.read_text()
    (run,) = strict(file.read_text())
    assert {"loss": "nan", "lift": "inf"} in [record.get("values") for record in run["records"]]


def fail(tracking: Tracking, conf: dict[str, object]) -> None:
    """A run that records a password in every way there is, and fails."""
    with tracking.run("broken"):
        tracking.log_settings({"conf": conf, "url": f"ftp://u:{SECRET}@h/x"})
        tracking.log_metrics({"loss": float("nan"), "lift": float("inf")})
        tracking.log_table_read("silver.baskets", f"s3a://AKIA:{SECRET}@bucket/lake/silver/baskets", 3)
        raise ValueError(f"login failed: password={SECRET}")


def strict(text: str) -> list[dict[str, list[dict[str, object]]]]:
    """JSON as other programs read it: without NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found: list[dict[str, list[dict[str, object]]]] = json.loads(text, parse_constant=refuse)
    return found


def test_spark_hides_what_we_hide(spark: SparkSession, config: Config) -> None:
    assert session_settings(config)["spark.redaction.regex"] == SECRET_NAME
    names = ["fs.azure.account.key.shop", "my.passphrase", "my.credentials", "my.cores"]
    shown = spark._jvm.org.apache.spark.util.Utils.redactCommandLineArgs(  # type: ignore[union-attr]
        spark._jsc.sc().conf(), spark._jvm.PythonUtils.toSeq([f"-D{name}={SECRET}" for name in names])
    )
    assert [SECRET in shown.apply(place) for place in range(4)] == [False, False, False, True]


def test_show_config_of_a_job_hides_secrets_in_the_shell() -> None:
    command = [sys.executable, "jobs/report.py", "--env", "demo", "--set", CONF, "--set", URI, "--show-config"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{ROOT}/libs:{ROOT}"}, capture_output=True, text=True,
        check=True, timeout=120,
    )  # fmt: skip
    assert SECRET not in done.stdout + done.stderr
    assert HIDDEN in done.stdout


def test_spark_s_own_log_hides_passwords(spark: SparkSession) -> None:
    lines = (ROOT / "conf" / "log4j2.properties").read_text().splitlines()
    (pattern,) = (line.partition(" = ")[2] for line in lines if line.startswith("appender.console.layout.pattern"))
    log4j = spark._jvm.org.apache.logging.log4j  # type: ignore[union-attr]
    layout = log4j.core.layout.PatternLayout.newBuilder().withPattern(pattern).build()
    message = log4j.message.SimpleMessage(f"no answer of jdbc:db://u:{SECRET}@h/x?password={SECRET}&ssl=true, sorry")
    event = log4j.core.impl.Log4jLogEvent.newBuilder().setLoggerName("a.b").setMessage(message).build()
    shown = str(layout.toSerializable(event))
    assert shown.strip().endswith(f"b: no answer of jdbc:db://{HIDDEN}@h/x?password={HIDDEN}&ssl=true, sorry")
