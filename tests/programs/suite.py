# SPDX-License-Identifier: MIT
"""How a test program in Python runs its cases and says what came out, for tests/harness/report.py."""
import sys
import unittest


def run(parts=()):
    """The tests of the program whose names contain one of the parts, or all. Returns whether any failed."""
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{part}*" for part in parts] or None
    result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromModule(sys.modules["__main__"]))
    for test, reason in result.skipped:
        print(f"skip {test.id().removeprefix('__main__.')}: {reason}")
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return failed > 0
