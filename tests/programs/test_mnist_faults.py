# SPDX-License-Identifier: MIT
"""Whole runs of normnet-mnist in which a system call fails, or the process is killed there, with strace: one message
and the exit code 1, or complete results; files that were there stay whole, and no other is left. LONG_TESTS=1 tries
each call with each error; otherwise a sample.
"""
import re
import shutil
import subprocess

import mnist_program
from mnist_commands import LONG, NO_PICTURES, CommandCase

SAMPLE = 1  # calls of each kind and command, from the middle
ERRORS = {
    "openat": ["EMFILE", "EIO", "EINTR"],
    "read": ["EIO", "EINTR"],
    "write": ["ENOSPC", "EIO", "EINTR"],
    "fsync": ["EIO", "ENOSPC"],
    "close": ["EIO", "EINTR"],
    "rename": ["EIO", "ENOSPC"],
    "renameat": ["EIO", "ENOSPC"],
    "unlink": ["EIO"],
    "fcntl": ["EIO"],
    "fchmod": ["EIO"],
    "mkdir": ["ENOSPC"],
}


def strace_works():
    return shutil.which("strace") and subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


class Faults(CommandCase):
    def setUp(self):
        super().setUp()
        self.log = self.directory / "log"
        if not strace_works():
            self.skipTest("needs strace, which may trace: apt-get install strace")

    def run_traced(self, command, inject=""):
        # The sanitizer of leaks cannot trace what is traced already.
        prefix = ["strace", "-f", "-qq", "-o", str(self.log), "-e", "trace=" + ",".join(ERRORS)]
        if inject:
            prefix += ["-e", f"inject={inject}"]
        result, files = self.run_command(command, prefix, ASAN_OPTIONS="detect_leaks=0")
        return result, files, self.log.read_text(encoding="utf-8", errors="replace")

    def calls(self, trace):
        """The numbers of the calls of each kind, without those before the program begins: of the loader."""
        lines = trace.splitlines()
        begin = next(i for i, line in enumerate(lines) if str(self.directory) in line or "old.ckpt" in line)
        for name in ERRORS:
            numbers = [i for i, line in enumerate(lines) if re.match(rf"\d+ +{name}\(", line)]
            first = sum(i < begin for i in numbers)
            own = range(first + 1, len(numbers) + 1)
            step = 1 if LONG else max(1, len(own) // SAMPLE)
            yield name, own[step // 2 :: step]

    def expect_fault(self, command, complete, name, error, at):
        """Returns whether the command fails."""
        result, files, trace = self.run_traced(command, f"{name}:error={error}:when={at}")
        if "(INJECTED)" not in trace:
            return False
        injected = next(line for line in trace.splitlines() if "(INJECTED)" in line)
        self.expect_whole(files, complete, may_leave=name == "unlink")
        if result.returncode == 0:
            kept = {path: content for path, content in files.items() if path.suffix not in (".lock", ".tmp")}
            self.expect_complete(result, kept if name == "unlink" else files, complete)
            # What is not written is not taken for written; the library makes a call again that was interrupted.
            self.assertNotIn(name, ("write", "fsync", "rename", "renameat") if error != "EINTR" else (), injected)
            return False
        self.assertEqual(result.returncode, 1, (injected, result))
        for line in result.stderr.replace(NO_PICTURES + "\n", "").splitlines():
            self.assertRegex(line, r"^normnet-mnist: ", (injected, result))
        self.assertGreater(len(result.stderr), 0, (injected, result))
        return True

    def test_each_call_fails(self):
        for command_name, command in self.commands().items():
            result, complete, trace = self.run_traced(command)
            self.assertEqual(result.returncode, 0, result)
            failed = 0
            for name, numbers in self.calls(trace):
                for at in numbers:
                    for error in ERRORS[name] if LONG else [ERRORS[name][at % len(ERRORS[name])]]:
                        with self.subTest(command=command_name, call=name, at=at, error=error):
                            failed += self.expect_fault(command, complete, name, error, at)
            self.assertGreater(failed, 2, command_name)

    def test_killed_at_each_call(self):
        """Before the call is made; afterwards a study continues."""
        for command_name, command in self.commands().items():
            _, complete, trace = self.run_traced(command)
            for name, numbers in self.calls(trace):
                if name in (("read", "fcntl") if LONG else ("read", "fcntl", "openat", "close")):
                    continue
                for at in numbers:
                    with self.subTest(command=command_name, call=name, at=at):
                        result, files, _ = self.run_traced(command, f"{name}:error=EIO:signal=KILL:when={at}")
                        self.assertIn(result.returncode, (0, -9), result)
                        self.expect_whole(files, complete, may_leave=True)
                        if command_name == "study" and result.returncode != 0:
                            again = self.run_program(*command[:4], self.work / "new", *command[5:])
                            self.assertEqual(again.returncode, 0, again)


if __name__ == "__main__":
    mnist_program.main()
