#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests the programs of examples/hosts: all train the same network, and so have
to end with the weights of a plain program.

usage: python3 test_hosts.py FOLDER-OF-HOSTS PLAIN [NAME=PROGRAM]... |
           -h | --help

NAME=PROGRAM are the programs that were built: those of examples/hosts, and with
a malloc that refuses to work static_memory_alone and plain_alone. FOLDER-OF-
HOSTS is examples/hosts, whose header for C++ is compiled by each compiler that
is here.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import suite

FOLDER = PLAIN = ""
PROGRAMS = {}
STANDARDS = ("c++11", "c++14", "c++17", "c++20")
WARNINGS = ("-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


class Hosts(unittest.TestCase):
    def output(self, name, *arguments):
        """What a program prints that has to end well; skips the test if it was not built."""
        if name not in PROGRAMS:
            self.skipTest(f"{name} is not built on this system or with this compiler")
        result = run(PROGRAMS[name], *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def check_weights(self, text):
        plain = run(PLAIN).stdout
        self.assertRegex(plain, r"^weights [0-9a-f]{8}\n$")
        self.assertEqual(text.splitlines()[-1], plain.strip())

    def check_recognized(self, text):
        correct = re.findall(r"(\d+) of 100 new images recognized$", text, re.M)
        self.assertGreaterEqual(int(correct[-1]), 90)

    def test_cplusplus(self):
        text = self.output("cplusplus")
        self.check_recognized(text)
        self.check_weights(text)
        self.assertRegex(text, r"(?m)^NORMNET_ELABEL: .*2.*$")

    def test_cplusplus_in_all_standards(self):
        compilers = [name for name in ("g++", "clang++") if shutil.which(name)]
        if not compilers:
            self.skipTest("needs a C++ compiler; apt-get install g++")
        for compiler in compilers:
            for standard in STANDARDS:
                with self.subTest(f"{compiler} -std={standard}"):
                    result = run(compiler, "-fsyntax-only", "-std=" + standard, *WARNINGS, "-I", FOLDER, "-I",
                                 os.path.join(FOLDER, "../../include"), os.path.join(FOLDER, "cplusplus.cpp"))
                    self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_background(self):
        text = self.output("background")
        self.check_recognized(text)
        self.check_weights(text)
        steps = [int(step) for step in re.findall(r"^after (\d+) steps: ", text, re.M)]
        self.assertEqual(steps, sorted(set(steps)))
        self.assertEqual(steps[-1], 200)
        images, copies = map(int, re.search(r"^(\d+) images recognized with (\d+) copies$", text, re.M).groups())
        self.assertEqual(copies, len(steps))
        self.assertGreaterEqual(images, 100 * copies)

    def test_background_predicts_while_it_trains(self):
        # A busy machine may give the trainer all its time; so one of several runs has to.
        for _ in range(20):
            if len(re.findall(r"^after \d+ steps: ", self.output("background"), re.M)) > 1:
                return
        self.fail("in 20 runs, no copy but the last was used")

    def test_static_memory(self):
        text = self.output("static_memory")
        self.check_recognized(text)
        self.check_weights(text)
        used, whole = map(int, re.search(r"^at most (\d+) of (\d+) bytes used", text, re.M).groups())
        self.assertTrue(0 < used <= whole)

    def test_static_memory_never_calls_malloc(self):
        self.assertEqual(self.output("static_memory_alone"), self.output("static_memory"))
        refused = run(PROGRAMS["plain_alone"])  # which has no memory of its own: the watch is awake
        self.assertEqual((refused.returncode, refused.stdout), (3, ""))
        self.assertRegex(refused.stderr, r"^\w+ was called\n$")

    def test_lent_threads(self):
        tasks = set()
        for threads in (1, 2, 3, 8):
            with self.subTest(threads):
                text = self.output("lent_threads", str(threads))
                self.check_weights(text)
                own, others, workers = map(int, re.search(
                    r"^(\d+) tasks in the thread that trains, (\d+) in (\d+) other threads$", text, re.M).groups())
                self.assertLessEqual(workers, threads - 1)
                self.assertEqual(own + others > 0, threads > 1)
                tasks.add(own + others)
        self.assertEqual(len(tasks), 4)  # as many parts as threads

    def test_lent_threads_of_the_pool_work(self):
        for _ in range(20):  # a busy machine may not start them in time
            if int(re.search(r"(\d+) in \d+ other threads", self.output("lent_threads", "4")).group(1)) > 0:
                return
        self.fail("in 20 runs, no thread of the pool ran a task")

    def test_chunked_files_larger_than_memory(self):
        with tempfile.TemporaryDirectory() as folder:
            self.output("chunked_files", "write", folder, "24", "512", "96")
            free = self.output("chunked_files", "train", folder, "--threads", "2")
            limited = self.output("chunked_files", "train", folder, "--memory", "64")
            images, used = map(int, re.search(r"^(\d+) MB of images, at most (\d+) MB of memory$", limited,
                                              re.M).groups())
            self.assertGreater(images, 64)
            self.assertLess(used, 64)
            self.assertEqual(limited.splitlines()[:-1], free.splitlines()[:-1])
            correct, tested = map(int, re.search(r"^(\d+) of (\d+) test images", limited, re.M).groups())
            self.assertGreater(correct, 0.9 * tested)
            self.check_error("chunked_files", 1, "", "train", folder, "--memory", "1")
            with open(os.path.join(folder, "chunk-0003-images-idx3-ubyte"), "r+b") as file:
                file.truncate(1000)
            self.check_error("chunked_files", 1, "cannot read .*chunk-0003-images-idx3-ubyte", "train", folder)
            os.remove(os.path.join(folder, "chunk-0001-images-idx3-ubyte"))
            self.check_error("chunked_files", 1, "expected two chunks or more", "train", folder)

    def check_error(self, name, code, pattern, *arguments):
        """A program that fails with one message."""
        result = run(PROGRAMS[name], *arguments)
        self.assertEqual(result.returncode, code, result)
        if pattern:
            self.assertRegex(result.stderr, "^error: .*" + pattern)
            self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_help(self):
        for name in ("cplusplus", "background", "chunked_files", "static_memory", "lent_threads"):
            for option in ("-h", "--help"):
                with self.subTest(f"{name} {option}"):
                    self.assertRegex(self.output(name, option), rf"(?s)^usage: {name} .*\[?-h \| --help\]?")

    def test_wrong_arguments(self):
        wrong = [("lent_threads", word) for word in ("0", "65", "-1", "x", "4x", "", "99999999999999999999")]
        for name, word in [*wrong, ("background", "x"), ("static_memory", "x"), ("cplusplus", "x")]:
            if name in PROGRAMS:
                with self.subTest(f"{name} {word}"):
                    result = run(PROGRAMS[name], word)
                    self.assertEqual((result.returncode, result.stdout), (2, ""))
                    self.assertRegex(result.stderr, rf"^error: .*'{word}'; .*\n")


def main():
    global FOLDER, PLAIN
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        helped = sys.argv[1:2] in (["-h"], ["--help"])
        print(__doc__, file=sys.stdout if helped else sys.stderr)
        return 0 if helped else 2
    FOLDER, PLAIN = map(os.path.abspath, sys.argv[1:3])
    PROGRAMS.update(word.split("=", 1) for word in sys.argv[3:])
    return suite.run()


if __name__ == "__main__":
    sys.exit(main())
