# SPDX-License-Identifier: MIT
"""Whole runs of normnet-mnist in which the system refuses a request for memory or a thread (scarce_memory.c): one
message and the exit code 1, or a thread less and the same results; files that were there stay whole, and no other is
left. LONG_TESTS=1 refuses each request, of the thousands of study and report a sample; otherwise a smaller sample.
"""
import mnist_program
from mnist_commands import LONG, NO_PICTURES, CommandCase

MOST = 1500 if LONG else 8  # requests that are refused per command, evenly spaced
MEMORY = r"memory|no block of \d+ bytes|Cannot allocate|cannot start the thread"


class Memory(CommandCase):
    def expect_refusal(self, command, complete, at, sticky):
        """Returns whether the command fails."""
        result, files = self.run_command(command, SCARCE_AT=at, **({"SCARCE_STICKY": 1} if sticky else {}))
        self.expect_whole(files, complete)
        if result.returncode == 0:
            self.expect_complete(result, files, complete)
            return False
        self.assertEqual(result.returncode, 1, result)
        lines = [line for line in result.stderr.splitlines() if line != NO_PICTURES]
        # Several threads, or several files, if nothing more is given at all.
        self.assertTrue(len(lines) == 1 or (lines and sticky), result)
        for line in lines:
            self.assertRegex(line, rf"^normnet-mnist: .*({MEMORY})", result)
        return True

    def test_each_command(self):
        """Requests of each command in turn, once and from there on."""
        count_file = self.directory / "count"
        for name, command in self.commands().items():
            result, complete = self.run_command(command, SCARCE_COUNT=count_file)
            self.assertEqual(result.returncode, 0, result)
            count = int(count_file.read_text(encoding="utf-8"))
            failed = 0
            for at in range(1, count + 1, max(1, count // MOST)):
                for sticky in (False, True):
                    with self.subTest(name=name, at=at, sticky=sticky):
                        failed += self.expect_refusal(command, complete, at, sticky)
            self.assertGreater(failed, 2, name)


if __name__ == "__main__":
    mnist_program.main()
