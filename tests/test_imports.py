"""Who may import whom: every import statement of the project is walked, also those inside functions."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBS = ROOT / "libs" / "cartograph"
STEPS = {path.name for path in LIBS.iterdir() if path.is_dir() and path.name not in {"core", "runtime", "__pycache__"}}
# What runtime may know: settings, the shape of tables and errors, what a model is given, and text to be shown.
SHARED = {"cartograph.settings"} | {
    f"cartograph.core.{name}" for name in ("settings", "tables", "errors", "model", "views", "redaction", "plain_text")
}
# Jobs that are a second way into a step: `refresh` updates what `cf` fitted, `rekey` what `preprocess` hashed.
STEP_OF = {"refresh": "cf", "rekey": "preprocess"}
ONLY_IN = {
    "delta": "libs/cartograph/runtime/",
    "mlflow": "libs/cartograph/runtime/",
    "petastorm": "libs/cartograph/core/training/feed.py",
    "graphframes": "libs/cartograph/graph/",
    "igraph": "libs/cartograph/graph/analytics/by_igraph.py",
}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    """Full dotted names of what a file imports; `from a import b` is `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(path.relative_to(ROOT / "libs").parts[: -node.level]) if node.level else ""
            yield from (".".join(filter(None, [package, node.module, alias.name])) for alias in node.names)


def package_of(name: str) -> str | None:
    """`rules` for cartograph.rules.rules; None for what is not ours."""
    parts = name.split(".")
    return parts[1] if parts[0] == "cartograph" and len(parts) > 1 else None


def is_below(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(module + ".") for module in modules)


def breaches(folder: str, path: Path) -> list[str]:
    """Imports of one library file that its package may not make."""
    found = [(name, package_of(name)) for name in imports(path)]
    if folder == "runtime":
        return [name for name, package in found if package not in {None, "runtime"} and not is_below(name, SHARED)]
    allowed = {None, "core", folder}
    return [name for name, package in found if package not in allowed or name.split(".")[0] == "jobs"]


@pytest.mark.parametrize("folder", sorted(STEPS | {"core", "runtime"}))
def test_a_package_imports_itself_and_core_only(folder: str) -> None:
    found = {str(path.relative_to(ROOT)): breaches(folder, path) for path in (LIBS / folder).rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("path", sources("jobs"), ids=lambda path: path.stem)
def test_a_job_imports_at_most_one_step_its_own(path: Path) -> None:
    steps = {package_of(name) for name in imports(path)} - {None, "core", "runtime"}
    other_jobs = [name for name in imports(path) if name.split(".")[0] == "jobs"]
    if path.stem == "pipeline":  # it runs the jobs in order, and prints the report's summary at the end
        assert steps <= {"report"}
    else:
        assert steps <= {STEP_OF.get(path.stem, path.stem)}
        assert other_jobs == []


def test_the_dag_knows_airflow_but_nothing_of_the_project() -> None:
    found = [(path.name, name) for path in sources("airflow_dags") for name in imports(path)]
    assert [pair for pair in found if pair[1].split(".")[0] in {"cartograph", "jobs", "pyspark", "delta"}] == []


def test_airflow_is_imported_by_the_dag_alone() -> None:
    found = [str(path) for path in sources("libs", "jobs") for name in imports(path) if name.split(".")[0] == "airflow"]
    assert found == []


@pytest.mark.parametrize(("package", "place"), sorted(ONLY_IN.items()))
def test_a_package_of_the_outside_world_is_imported_in_one_place(package: str, place: str) -> None:
    using = [path for path in sources("libs", "jobs") if package in {name.split(".")[0] for name in imports(path)}]
    assert [str(path) for path in using if not str(path.relative_to(ROOT)).startswith(place)] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "helpers", "common"}
    bad = [path for path in sources("libs", "jobs", "tests", "benchmarks") if path.stem in empty]
    assert bad == []


@pytest.mark.parametrize("path", sources("libs", "jobs"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_enough_to_be_read_at_one_sitting(path: Path) -> None:
    most = 60 if path.parent == ROOT / "jobs" else 299
    assert len(path.read_text(encoding="utf-8").splitlines()) <= most


def test_the_pipeline_starts_without_torch() -> None:
    code = "import sys, jobs.pipeline; print(*({'torch', 'mlflow', 'igraph'} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
