# SPDX-License-Identifier: MIT
"""Prints the version that a header defines, for meson.

usage: python3 version.py HEADER
"""
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    numbers = dict(re.findall(r"^#define NORMNET_VERSION_(\w+) (\d+)$", file.read(), re.M))
print(".".join(numbers[part] for part in ("MAJOR", "MINOR", "PATCH")))
