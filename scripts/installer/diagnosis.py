"""The output of a failed command -> what was missing, as a key of sentences.py."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from shutil import which

# Asked in this order: a full disk and a lost network also break a compilation, and then they are the cause.
CAUSES: tuple[tuple[str, str], ...] = (
    ("disk_full", r"No space left on device|Errno 28\b|not enough space on the disk|Disk quota exceeded"),
    ("read_only", r"Read-only file system|Errno 30\b|Permission denied|Errno 13\b|Access is denied"),
    ("no_venv", r"ensurepip is not available|No module named '?(venv|ensurepip)|python3[\d.]*-venv"),
    ("old_python", r"requires a different Python: (\S+) not in"),
    (
        "no_network",
        r"name resolution|getaddrinfo failed|Failed to establish a new connection|Network is unreachable"
        r"|nodename nor servname|ConnectTimeoutError|ReadTimeoutError|Read timed out|Tunnel connection failed"
        r"|CERTIFICATE_VERIFY_FAILED",
    ),
    ("out_of_memory", r"Killed signal terminated program|out of memory|virtual memory exhausted|bad_alloc"),
    (
        "no_compiler",
        r"CMAKE_C(XX)?_COMPILER not set|No CMAKE_C(XX)?_COMPILER could be found|Could not find the compiler"
        r"|Unable to find a build program|Microsoft Visual C\+\+ [\d.]+ or greater is required|xcrun: error"
        r"|command '?(gcc|cc|clang|cl)(\.exe)?'? failed: No such file|no such file or directory: 'nmake'"
        r"|is not a full path to an existing compiler",
    ),
    # the lock fits itself, so a conflict with it means that this machine finds no file of the locked version
    ("no_wheel", r"Could not find a version that satisfies|The user requested \(constraint\)"),
)


def diagnose(output: str) -> str:
    """What a failed command lacked: a key of `sentences.SENTENCES`, "unknown" when no cause is recognised.

    Warnings are asked last: pip warns of one dead index and may go on to find everything in another; but where it
    found nothing, "from versions: none" says the same of a lost network and of a package that nobody built for
    this machine, and then the warnings are the only trace of the network.

    >>> diagnose("OSError: [Errno 28] No space left on device"), diagnose("something else")
    ('disk_full', 'unknown')
    """
    said = "\n".join(line for line in output.splitlines() if not line.lstrip().startswith("WARNING:"))
    cause = _cause(said)
    return _cause(output) if cause in ("unknown", "no_wheel") else cause


def _cause(text: str) -> str:
    return next((key for key, pattern in CAUSES if re.search(pattern, text, re.IGNORECASE)), "unknown")


def missing_package(output: str) -> str:
    """The package of which pip found nothing; "" when it does not say.

    >>> missing_package("ERROR: No matching distribution found for numpy>=2.2")
    'numpy'
    """
    found = re.search(
        r"No matching distribution found for ([\w.-]+)|The user requested \(constraint\) ([\w.-]+)", output
    )
    return (found[1] or found[2]) if found else ""


def last_error(output: str) -> str:
    """The line to quote when the cause is not recognised: the last one that says "error", else the last.

    >>> last_error("ok\\nERROR: no such thing\\nnote: see above\\n")
    'ERROR: no such thing'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(\w+)?error\b", line, re.IGNORECASE)]
    return (errors or lines or ["?"])[-1][:300]


def compiler_command(platform: str = sys.platform, find: Callable[[str], str | None] = which) -> str:
    """What to type to get a C++ compiler.

    >>> compiler_command("darwin")
    'xcode-select --install'
    """
    if platform == "darwin":
        return "xcode-select --install"
    if platform == "win32":
        return (
            "winget install Microsoft.VisualStudio.2022.BuildTools --override "
            '"--passive --wait --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"'
        )
    managers = (
        ("apt-get", "sudo apt-get install build-essential"),
        ("dnf", "sudo dnf install gcc-c++ make"),
        ("pacman", "sudo pacman -S base-devel"),
        ("zypper", "sudo zypper install gcc-c++ make"),
        ("apk", "sudo apk add build-base"),
    )
    return next((command for name, command in managers if find(name)), managers[0][1])
