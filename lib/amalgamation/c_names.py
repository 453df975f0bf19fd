# SPDX-License-Identifier: MIT
"""The names that a C file defines for its whole length, if it is written in the library's style."""
import re

# Comments, and what may hold their signs.
COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#.*$", re.M)
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|\b_Alignas\s*\(\w+\)")
EXPANSIONS = re.compile(r"(?:[A-Z][A-Z0-9_]*\s*\([^()]*\)\s*)+")  # DEFINE_TILE(1, 2), without a semicolon
ASSERTION = re.compile(r"(?:_Static_assert|static_assert)\b")
TAG = re.compile(r"\b(?:struct|union|enum)\s+(\w+)\s*\{")
ENUM = re.compile(r"\benum\s*\w*\s*\{([^{}]*)\}")
BRACES = re.compile(r"\{[^{}]*\}")
FUNCTION = re.compile(r"(\w+)\s*\(")
VARIABLE = re.compile(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$")


def without_comments(text):
    """The same lines, with a space for each comment."""
    def replace(match):
        return match.group() if match.group()[0] in "\"'" else " " + "\n" * match.group().count("\n")
    return COMMENT_OR_TEXT.sub(replace, text)


def macros(text):
    """The macros that a file defines, in its order."""
    return list(dict.fromkeys(MACRO.findall(without_comments(text))))


def top_level(text):
    """The declarations outside of functions; of a function, its head and `{}`."""
    text = COMMENT_OR_TEXT.sub(lambda match: '""' if match.group()[0] in "\"'" else " ", text)
    text = DIRECTIVE.sub("", text.replace("\\\n", " "))
    depth = begin = 0
    body = None
    for at, character in enumerate(text):
        if character in "({[":
            if depth == 0:
                body = at if character == "{" and text[begin:at].rstrip().endswith(")") else None
            depth += 1
        elif character in ")}]":
            depth -= 1
            if depth == 0 and body:
                yield text[begin:body].strip() + "{}"
                begin, body = at + 1, None
        elif character == ";" and depth == 0:
            yield text[begin:at].strip()
            begin = at + 1


def defined(declaration):
    """What a declaration defines: ordinary names, tags."""
    declaration = ATTRIBUTE.sub(" ", declaration)
    expansions = EXPANSIONS.match(declaration)
    if expansions:
        declaration = declaration[expansions.end():]
    if ASSERTION.match(declaration):
        return [], []
    tags = TAG.findall(declaration)
    names = [constant.split("=")[0].strip() for constants in ENUM.findall(declaration)
             for constant in constants.split(",")]
    is_function = declaration.endswith("{}")
    declarator = declaration
    while BRACES.search(declarator):
        declarator = BRACES.sub(" ", declarator)
    declarator = declarator.split("=")[0].strip()
    function, variable = FUNCTION.search(declarator), VARIABLE.search(declarator)
    if function:
        if is_function or declarator.startswith("typedef"):  # others are defined elsewhere
            names.append(function.group(1))
    elif variable and not re.match(r"extern\b|(?:struct|union|enum)(?:\s+\w+)?$", declarator):
        names.append(variable.group(1))
    return [name for name in names if name], tags


def names_of(text):
    """The ordinary names and the tags that a file defines outside of functions, in its order."""
    ordinary, tags = {}, {}
    for declaration in top_level(text):
        names, its_tags = defined(declaration)
        ordinary.update(dict.fromkeys(names))
        tags.update(dict.fromkeys(its_tags))
    return list(ordinary), list(tags)
