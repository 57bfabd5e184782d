"""One file per question that `scripts/bench.py` answers with figures."""
