# SPDX-License-Identifier: MIT
"""Finds the Python module and, through NORMNET_LIBRARY or the build directory, the library under test."""
import os
import pathlib
import sys

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # the cases are small: idle threads that spin cost most of the time
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read by scikit-learn, whose checks then try other kinds of arrays
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"))

try:
    import normnet
except (ImportError, OSError, AttributeError) as failure:
    pytest.exit(f"the library under test cannot be used: {failure}", returncode=2)


def pytest_report_header():
    versions = []
    for name in ("numpy", "torch"):
        try:
            versions.append(f"{name} {__import__(name).__version__}")
        except ImportError:
            versions.append(f"no {name}")
    return f"libnormnet {normnet.version()} ({normnet.library._name}), " + ", ".join(versions)


def pytest_terminal_summary(terminalreporter):
    from comparison import SUMMARY
    if SUMMARY.pairs:
        terminalreporter.section("errors against PyTorch in float64, root mean squares")
        terminalreporter.write_line(f"{'':32}{'compared':>9}{'normnet':>10}{'PyTorch':>10}{'ratio':>7}")
        for kind, count, ours, pytorch, ratio in SUMMARY.table():
            terminalreporter.write_line(f"{kind:32}{count:9}{ours:10.1e}{pytorch:10.1e}{ratio:7.2f}")
