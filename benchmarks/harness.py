"""What every benchmark shares: a Spark session, a stopwatch, peak memory, peers, and the one JSON line at the end."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cartograph.runtime.tracking_records import as_json

ROOT = Path(__file__).parents[1]
PEER_PYTHON = "CARTOGRAPH_BENCH_PYTHON"


class Stopwatch:
    """Seconds by name: `with watch("fit"): …`, then `watch.seconds["fit"]`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Adds what the block takes to `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - start
            self.seconds[name] = round(self.seconds.get(name, 0.0) + taken, 3)


class PeakMemory:
    """Highest sum of resident memory over this process and all it started, sampled in the background."""

    def __init__(self, every_seconds: float = 0.5) -> None:
        self.peak_bytes = 0
        self._every_seconds = every_seconds
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def gigabytes(self) -> float:
        """The peak so far, in 10⁹ bytes."""
        return round(max(self.peak_bytes, resident_bytes()) / 1e9, 3)

    def _watch(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, resident_bytes())
            time.sleep(self._every_seconds)


def resident_bytes() -> int:
    """Resident memory of this process and its descendants: the JVM and its Python workers too.

    Pages that processes share, such as the libraries of forked workers, count once in all. 0 where there is no /proc.
    """
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        children.setdefault(int(after_name[1]), []).append(int(folder.name))
    family, total = [os.getpid()], 0
    while family:
        process = family.pop()
        total += _proportional_bytes(process)
        family.extend(children.get(process, []))
    return total


def _proportional_bytes(process: int) -> int:
    """The process's share of resident memory: a page of n processes counts as 1/n; 0 once the process has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def spark_session(name: str, settings: Sequence[str] = ()) -> Any:
    """The project's own session on all cores; `settings` are `key=value` of the configuration."""
    from cartograph.runtime.config import load_config
    from cartograph.runtime.session import spark_session as start

    quiet = ["spark.master=local[*]", "spark.ui=false", "spark.log_level=ERROR", "tracking.enabled=false"]
    return start(load_config("local", [*quiet, *settings]), name)


def model_named(name: str, steps: Sequence[str], settings: Sequence[str]) -> Any:
    """The model of that name of one of the steps, with settings given as KEY=VALUE.

    Raises:
        SystemExit: none of the steps has such a model.
    """
    import yaml  # here, as peers of other environments read this file too

    from cartograph.core.model_classes import model_class

    pairs = (setting.split("=", 1) for setting in settings)
    changed = {key: yaml.safe_load(value) for key, value in pairs}
    for step in steps:
        if importlib.util.find_spec(f"cartograph.{step}.{name}"):
            kind: Any = model_class(step, name)
            return kind(**changed)
    raise SystemExit(f"there is no model {name!r} in {', '.join(steps)}")


def show(epoch: Mapping[str, float]) -> None:
    """A line per epoch of a network, on standard error."""
    print(", ".join(f"{name} {value:.5g}" for name, value in epoch.items()), file=sys.stderr, flush=True)


def attempted(peer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the peer answers; `failed` and why where it raises: our figures and other peers' do not depend on it."""
    try:
        return peer()
    except Exception as error:
        return {"failed": _last_line(f"{type(error).__name__}: {error}")}


def run_peer(module: str, arguments: Sequence[str]) -> dict[str, Any] | None:
    """The JSON that `python -m module arguments` prints last in the peers' own environment; None if it is missing.

    The environment is `.venv-bench` (`make bench-setup`), or the interpreter named by CARTOGRAPH_BENCH_PYTHON.
    A peer that is not installed there ends with status 3; of one that fails, `failed` says why.
    """
    python = Path(os.environ.get(PEER_PYTHON, ROOT / ".venv-bench" / "bin" / "python"))
    if not python.exists():
        return None
    done = subprocess.run(
        [str(python), "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 3:
        return None
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
        return {"failed": _last_line(done.stderr) or f"ended with status {done.returncode}"}
    try:
        answer: dict[str, Any] = json.loads(_last_line(done.stdout))
    except ValueError:
        return {"failed": f"printed no result: {done.stdout[-300:]!r}"}
    return answer


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def print_result(
    case: str,
    engine: str,
    metrics: Mapping[str, Any],
    seconds: float,
    setup_seconds: float,
    memory: PeakMemory,
    peers: Mapping[str, Mapping[str, Any] | None] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Prints and returns the result as one line of JSON.

    A peer that is None is listed under `missing`, one whose answer says so under `failed`, with its error.
    """
    answers = {name: dict(answer) for name, answer in (peers or {}).items() if answer is not None}
    failed = {name: answer["failed"] for name, answer in answers.items() if "failed" in answer}
    result = {
        "case": case,
        "engine": engine,
        "metrics": dict(metrics),
        "seconds": round(seconds, 3),
        "setup_seconds": round(setup_seconds, 3),
        "peak_rss_gb": memory.gigabytes,
        **more,
        "peers": {name: answer for name, answer in answers.items() if name not in failed},
        "missing": sorted(name for name in peers or {} if name not in answers),
        "failed": failed,
    }
    sys.stderr.flush()
    print(json.dumps(as_json(result), allow_nan=False), flush=True)
    return result
