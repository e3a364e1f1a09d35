"""The process that Spark's Python workers are forked from: theirs (`pyspark.daemon`), made ready to fork fast workers.

Set by `spark.python.daemon.module` where executors have this package installed. Before every task a worker reads again
the directories of all archives on its import path, and after it looks through all its objects for garbage. Spark puts
its own core jar on that path, with thousands of entries and nothing for Python in it, and libraries bring hundreds of
thousands of objects that are never garbage: as much work as that of many a task.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys

LIBRARIES = ("numpy", "pyarrow", "pandas", "numba")  # what almost every task needs; safe to be forked
ALSO = "CARTOGRAPH_WORKER_LIBRARIES"  # environment variable: what this run needs besides, separated by commas


def make_ready() -> None:
    """Takes jars off the import path, loads the libraries, and exempts what is there from garbage collection."""
    sys.path[:] = [entry for entry in sys.path if not entry.endswith(".jar")]
    sys.path_importer_cache.clear()
    for name in (*LIBRARIES, *filter(None, os.environ.get(ALSO, "").split(","))):
        if importlib.util.find_spec(name):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    from pyspark.daemon import manager

    make_ready()
    manager()  # type: ignore[no-untyped-call]
