"""Errors of Spark and Java in one line that a reader can act on."""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.errors.exceptions.captured import CapturedException

from cartograph.core.redaction import redacted_text

SPARK_ERRORS = (PySparkException, Py4JJavaError)


def cause(error: BaseException) -> str:
    """The innermost cause of a Spark error, such as `EOFException: Unexpected end of input stream`; no password."""
    thrown = _thrown(error)
    if thrown is None:
        return redacted_text(str(error).splitlines()[0])
    while thrown.getCause() is not None:
        thrown = thrown.getCause()
    lines = (thrown.getMessage() or "").strip().splitlines()
    name = str(thrown.getClass().getSimpleName())
    return redacted_text(f"{name}: {lines[0].strip()}" if lines else name)


def _thrown(error: BaseException) -> Any:
    """The Java exception behind a Python one, None if there is none."""
    if isinstance(error, Py4JJavaError):
        return error.java_exception
    return error._origin if isinstance(error, CapturedException) else None
