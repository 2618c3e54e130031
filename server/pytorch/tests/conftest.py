"""What the tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, serving, sscd_file


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of PyTorch out unless they are asked for: they need 4 GB of packages."""
    if "torch" in (config.getoption("-m") or ""):
        return
    left_out = [item for item in items if item.get_closest_marker("torch")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def sim() -> Iterator[Served]:
    """One server of the sim engine, for tests that leave it as it was."""
    with serving() as served:
        yield served


@pytest.fixture(scope="session")
def sscd() -> Path:
    """The default model's file."""
    path = sscd_file()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("the default model is not installed: make setup")
        pytest.skip("the default model is not installed: make setup")
    return path
