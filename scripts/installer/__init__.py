"""From a fresh clone to a working `.venv`, with nothing but Python's standard library.

sentences.py     every sentence a person reads, in English and French; which of the two
requirements.py  what each group needs, read from pyproject.toml; the fingerprint of all that
stamp.py         what is installed already, so that the second start installs nothing
reports.py       pip's dry-run report: does torch bring NVIDIA's libraries, and is there a card for them?
running.py       run a command, keep its whole output in a log, show that it is alive
diagnosis.py     the output of a failed command -> what was missing
browsers.py      the Chromium and the Node that the tests use
environment.py   the order of steps
"""
