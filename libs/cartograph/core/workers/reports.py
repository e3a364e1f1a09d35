"""Short messages from a running stage to the driver: Spark itself delivers nothing before a task has ended."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from threading import Thread
from typing import Any

from pyspark.sql import SparkSession

Message = Mapping[str, Any]
_END = b""


@dataclass(frozen=True)
class Reporter:
    """The sending end for tasks; it can be sent to executors."""

    host: str
    port: int
    secret: bytes = field(repr=False)

    def send(self, message: Message) -> None:
        """Sends a message that JSON can hold; errors are ignored: no run fails because nobody listens."""
        with contextlib.suppress(OSError, EOFError, AuthenticationError):
            _send(self, json.dumps(dict(message)).encode())


@contextmanager
def reports(spark: SparkSession, receive: Callable[[dict[str, Any]], None]) -> Iterator[Reporter | None]:
    """A reporter for tasks of the block; None where the driver cannot listen.

    Messages come one by one, in a thread of their own; all that were sent have been received when the block ends.
    Exceptions of `receive` are ignored: a caller that must not miss a message has to fetch it again afterwards.
    """
    settings = spark.sparkContext.getConf()
    host = settings.get("spark.driver.host", "localhost") or "localhost"
    secret = secrets.token_bytes(32)
    try:
        listener = Listener((settings.get("spark.driver.bindAddress", host), 0), backlog=64, authkey=secret)
    except OSError:
        yield None
        return
    reporter = Reporter(host, int(listener.address[1]), secret)
    listening = Thread(target=_listen, args=(listener, receive), daemon=True)
    listening.start()
    try:
        yield reporter
    finally:
        with contextlib.suppress(OSError, EOFError, AuthenticationError):
            _send(reporter, _END)
            listening.join(timeout=10)
        listener.close()


def _send(reporter: Reporter, content: bytes) -> None:
    with Client((reporter.host, reporter.port), authkey=reporter.secret) as connection:
        connection.send_bytes(content)


def _listen(listener: Listener, receive: Callable[[dict[str, Any]], None]) -> None:
    """Passes on every message until the last one. Connections without the secret are refused."""
    while True:
        try:
            with listener.accept() as connection:
                content = connection.recv_bytes()
        except (AuthenticationError, EOFError, ConnectionError):
            continue
        except OSError:
            return  # closed
        if content == _END:
            return
        with contextlib.suppress(Exception):
            receive(json.loads(content))
