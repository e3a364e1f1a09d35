"""What a secret looks like, in names and in texts; and what only looks like one."""

from __future__ import annotations

import json
import re

import pytest

from cartograph.core.redaction import HIDDEN, SECRET_NAME, is_secret_name, redacted, redacted_text

SECRET = "Tr0ub4dor/Xq9"
TEXTS = [
    f"postgresql://mlflow:{SECRET}@db:5432/mlflow",
    f"s3a://AKIA:{SECRET}+x@bucket/lake",
    f"https://{SECRET.replace('/', '')}@example.org/repository",
    f"jdbc:oracle:thin:scott/{SECRET}@//db:1521/shop",
    f"jdbc:sqlserver://db:1433;user=reader;password={SECRET} with blanks;encrypt=true",
    f"jdbc:postgresql://db/shop?user=reader&password={SECRET}&ssl=true",
    f"jdbc:derby:/tmp/db;create=true;user=reader;password={SECRET}",
    f"--set spark.conf={{spark.hadoop.fs.s3a.secret.key: {SECRET}}}",
    f"{{'spark.hadoop.fs.azure.account.key.shop.dfs.core.windows.net': '{SECRET}, and more'}}",
    f'{{"sasToken": "{SECRET}"}}',
    f"AWS_SECRET_ACCESS_KEY={SECRET}",
    f"password: {SECRET}",
]
HARMLESS = [
    "sqlite:////srv/cartograph/mlflow.db",
    "abfss://lake@store.dfs.core.windows.net/tables",  # the container, not a user
    "http://127.0.0.1:9 is down, ask ops@example.org",
    "http://proxy:8080/path?mail=a@b",
    "SecretError: cannot read the secret in /run/key (CARTOGRAPH_PSEUDONYM_KEY_FILE): Permission denied",
    "set CARTOGRAPH_PSEUDONYM_KEY, or name a file in CARTOGRAPH_PSEUDONYM_KEY_FILE",
    "the key is repeated: order_id=5 (2 rows)",
    "at or near 'token': unexpected token: FROM",
    "gold.associations, key: product_id",
    "CARTOGRAPH_PSEUDONYM_KEY: the key has 31 bytes and needs 32 or more",
]
SECRET_NAMES = [
    "spark.hadoop.fs.s3a.access.key", "spark.hadoop.fs.s3a.secret.key", "password", "javax.net.ssl.keyStorePassword",
    "fs.azure.account.key.shop.dfs.core.windows.net", "fs.azure.sas.fixed.token", "apiKey", "SHOP_DB_PWD", "sas",
    "spark.ssl.keyPassword", "google.cloud.auth.service.account.private.key", "pseudonym_key", "client_secret",
]  # fmt: skip
OTHER_NAMES = ["key_source", "key_file", "check_keys", "dbtable", "partitionColumn", "spark.executor.cores", "keep"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_secret_in_a_text_is_hidden_and_the_rest_stays(text: str) -> None:
    shown = redacted_text(text)
    assert SECRET not in shown
    assert SECRET.split("/")[1] not in shown
    assert HIDDEN in shown
    assert shown[:8] == text[:8]
    assert redacted_text(shown) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redacted_text(text) == text


def test_names_of_secrets_are_known_from_others() -> None:
    assert [name for name in SECRET_NAMES if not is_secret_name(name)] == []
    assert [name for name in OTHER_NAMES if is_secret_name(name)] == []


def test_values_are_hidden_by_their_names_at_any_depth_and_empty_ones_stay() -> None:
    value = {"options": {"user": "reader", "password": SECRET, "token": None}, "urls": [f"ftp://u:{SECRET}@h/x", 3]}
    assert redacted(value) == {
        "options": {"user": "reader", "password": HIDDEN, "token": None}, "urls": [f"ftp://u:{HIDDEN}@h/x", 3],
    }  # fmt: skip


def test_json_stays_json() -> None:
    assert json.loads(redacted_text(json.dumps({"password": SECRET, "n": 1}))) == {"password": HIDDEN, "n": 1}


def test_the_value_of_a_secret_variable_is_hidden_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DB_PASSWORD", "swordfish")
    monkeypatch.setenv("SHOP_DB_PASSWORD_FILE", "/run/secrets/shop")
    assert redacted_text("login of swordfish failed, see /run/secrets/shop") == (
        f"login of {HIDDEN} failed, see /run/secrets/shop"
    )


def test_the_pattern_of_names_hides_all_that_sparks_own_hides_and_needs_no_escapes() -> None:
    assert "\\" not in SECRET_NAME
    sparks = re.compile("(?i)secret|password|token|access[.]?key")
    for name in ("my.SECRET.x", "passwordFile", "someToken", "fs.access.key", "fs.accesskey"):
        assert sparks.search(name)
        assert is_secret_name(name)
