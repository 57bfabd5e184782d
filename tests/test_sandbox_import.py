"""What `import sandbox` costs, what it offers, and what it says when `models` is somebody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import sandbox

ROOT = Path(__file__).resolve().parent.parent

FOREIGN = """
import sys
import numpy.random  # brings what it brings
sys.path.insert(0, {root!r})
before = set(sys.modules)
import sandbox
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(sorted(new - sys.stdlib_module_names - {{"numpy"}}))
"""


def run_python(code, cwd):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_importing_the_room_loads_numpy_and_nothing_else(tmp_path):
    done = run_python(FOREIGN.format(root=str(ROOT)), tmp_path)
    assert done.stdout.strip() == "['models', 'sandbox']", done.stderr


def test_a_learners_own_models_file_is_named_in_one_sentence(tmp_path):
    (tmp_path / "models.py").write_text("weights = 3\n")
    done = run_python(f"import sys; sys.path.append({str(ROOT)!r}); import sandbox", tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: `import models` found")
    assert str(tmp_path / "models.py") in last


def test_a_folder_called_models_is_named_too(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    done = run_python(f"import sys; sys.path.append({str(ROOT)!r}); import sandbox", tmp_path)
    assert "which is not Logitbox's" in done.stderr.strip().splitlines()[-1]


def test_the_room_exports_these_names():
    assert sandbox.__all__ == [
        *("DEFAULT_GENERATE", "NEUTRAL", "SAMPLERS", "Candidate", "Comparison", "Context", "Distribution"),
        *(
            "Generation",
            "Outcome",
            "Passage",
            "Sampler",
            "SamplerChain",
            "SamplerWithMemory",
            "SamplingSettings",
        ),
        *(
            "SamplingStep",
            "Stage",
            "StopStrings",
            "Survivors",
            "Tally",
            "TextStream",
            "Trace",
            "Vocabulary",
            "Worked",
        ),
        *("compare", "draw", "draw_many", "generate", "greedy", "run_chain", "tally", "uniform", "uniforms"),
    ]
    assert all(hasattr(sandbox, name) for name in sandbox.__all__)
