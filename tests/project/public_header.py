# SPDX-License-Identifier: MIT
"""What normnet.h declares, and changed copies of it."""
import re


def uncommented(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def functions(text):
    """(result, name, parameters) of each exported function, in order."""
    return [(result.strip(), name, " ".join(parameters.split())) for result, name, parameters in
            re.findall(r"^NORMNET_API\b([^;(]*?)\b(\w+)\s*\(([^;]*)\)\s*;", uncommented(text), flags=re.M)]


def types(text):
    """The names of all structs and enums."""
    return re.findall(r"^typedef (?:struct|enum) (\w+) \{", uncommented(text), flags=re.M)


def number(text, name):
    return int(re.search(r"^#define %s (\d+)$" % name, text, flags=re.M).group(1))


def version(text):
    return ".".join(str(number(text, "NORMNET_VERSION_" + part)) for part in ("MAJOR", "MINOR", "PATCH"))


def edit(text, pattern, replacement):
    """Replaces the first match of a pattern, which must be there."""
    changed, count = re.subn(pattern, replacement, text, count=1, flags=re.M | re.S)
    if count == 0 or changed == text:
        raise ValueError("nothing to change for '%s'" % pattern)
    return changed
