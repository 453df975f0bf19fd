# SPDX-License-Identifier: MIT
"""Cases of a test in Python, reported as tests/harness/check.h does: `ok NAME`, `FAIL NAME: why`, `skip NAME: why`."""
import threading


class Cases:
    """Threads may report at the same time."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def check(self, name, problems):
        """A case with its list of problems, none of which is the good news."""
        with self.lock:
            if problems:
                self.failed += 1
                print("FAIL %s: %s" % (name, problems[0]), flush=True)
                for problem in problems[1:20]:
                    print("    %s" % problem, flush=True)
            else:
                self.passed += 1
                print("ok %s" % name, flush=True)

    def skip(self, name, reason):
        with self.lock:
            self.skipped += 1
            print("skip %s: %s" % (name, reason), flush=True)

    def end(self):
        """Prints the summary; the exit code."""
        print("%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped))
        return 1 if self.failed or self.passed + self.failed + self.skipped == 0 else 0
