"""The suite runs in two processes, and what tests share is made in one of them."""

from __future__ import annotations

import pytest

from tests.conftest import WORKER


@pytest.mark.skipif(not WORKER, reason="this run has one process")
def test_tests_of_a_folder_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """By the group after the @: without it xdist distributes every test on its own, and shared lakes are made twice."""
    assert request.node.nodeid.endswith("@tests")
