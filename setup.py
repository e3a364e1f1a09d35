"""Packaging of Cartograph: the library under libs/, the jobs beside it."""

from setuptools import find_packages, setup

setup(
    name="cartograph",
    version="0.1.0",
    description="Product associations for web shops: a distributed Spark job suite",
    python_requires=">=3.11,<3.12",
    package_dir={"": "libs", "jobs": "jobs"},
    packages=[*find_packages("libs"), "jobs"],
)
