"""The command line of a job, its exit status, and its error messages.

A job ends with status 0, 2 for errors that the user can fix (one paragraph, no stack trace), 1 for all others.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from cartograph.core.errors import UserError
from cartograph.core.plain_text import plain_text
from cartograph.core.redaction import redacted_text
from cartograph.runtime.breakdowns import breakdown
from cartograph.runtime.config import load_config, show_config
from cartograph.runtime.failures import raised_on_purpose
from cartograph.runtime.job import Run, Suite
from cartograph.settings import Config

UNDATED = frozenset({"shop", "ingest", "preprocess", "maintain", "rekey"})

FORCED = ("lake.skip_steps=false",)

RunSuite = Callable[[Suite, argparse.Namespace], None]
AddArguments = Callable[[argparse.ArgumentParser], None]


def parser(name: str, doc: str | None, arguments: AddArguments | None = None) -> argparse.ArgumentParser:
    """The command line that every job has, and the job's own arguments."""
    made = argparse.ArgumentParser(prog=name, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--env", default="local", help="environment: conf/<env>.yml on top of conf/base.yml")
    if name not in UNDATED:
        made.add_argument("--as-of", type=day, help="read only rows before this day (YYYY-MM-DD)")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="set one value; repeatable")
    made.add_argument("--conf-dir", type=Path, help="folder of the configuration files")
    made.add_argument("--force", action="store_true", help="run also steps whose inputs have not changed")
    made.add_argument("--show-config", action="store_true", help="print the configuration and exit")
    made.add_argument("--verbose", action="store_true", help="show the stack trace of every error")
    if arguments:
        arguments(made)
    return made


def day(text: str) -> date:
    """A day written YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day of the form YYYY-MM-DD") from error


def main(
    name: str, run: Run, doc: str | None, arguments: AddArguments | None = None, argv: Sequence[str] | None = None
) -> None:
    """Runs one job from the command line; `argv` stands for the command line in tests."""
    command_line = parser(name, doc, arguments)
    given = command_line.parse_args(argv)
    as_of = getattr(given, "as_of", None)
    if name not in UNDATED and as_of is None and not given.show_config:
        command_line.error("--as-of is required: only rows before this day are read")
    _run(name, given, lambda suite, _: suite.run(name, run, as_of, given))


def main_suite(
    name: str,
    run: RunSuite,
    doc: str | None,
    arguments: AddArguments | None = None,
    argv: Sequence[str] | None = None,
) -> None:
    """Runs several steps from the command line; `--as-of` may be left out, and `run` decides what that means."""
    _run(name, parser(name, doc, arguments).parse_args(argv), run)


def _run(name: str, given: argparse.Namespace, run: RunSuite) -> None:
    """Loads the configuration, opens the suite and turns errors into an exit status."""
    config: Config | None = None
    try:
        config = load_config(given.env, [*given.set, *(FORCED if given.force else ())], given.conf_dir)
        if given.show_config:
            print(show_config(config), end="")
            return
        with Suite.open(name, config) as suite:
            run(suite, given)
    except Exception as failed:
        error = explanation(failed, config) or failed
        if given.verbose or not isinstance(error, UserError):
            print(plain_text(redacted_text(traceback.format_exc())), end="", file=sys.stderr)
        print(plain_text(redacted_text(f"{name}: {error}")), file=sys.stderr)
        sys.exit(2 if isinstance(error, UserError) else 1)


def explanation(error: Exception, config: Config | None) -> UserError | None:
    """The error to show to a user: raised as such, by a query, or for lack of resources; None for any other."""
    if isinstance(error, UserError):
        return error
    return raised_on_purpose(error) or (breakdown(error, config.spark) if config else None)
