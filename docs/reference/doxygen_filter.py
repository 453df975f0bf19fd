# SPDX-License-Identifier: MIT
"""What Doxygen reads instead of normnet.h, whose comments are plain C.

usage: python3 doxygen_filter.py HEADER

Makes comments of Doxygen from those before declarations and behind members,
code from what they indent, and lists from their tables of statuses. Lines stay
where they are as far as Doxygen's warnings need them.
"""
import re
import sys

SECTION = re.compile(r"^\s*/\* ---- (.*?) -+ \*/$|^\s*/\* ---- (.*) ---- \*/$")
STATUS = re.compile(r"^(NORMNET_E[A-Z]+) {2,}(.*)$")
DECLARATION = re.compile(r"^\s*(?:NORMNET_API\b.*?(normnet_\w+)\(|#define (\w+)|(?:const )?\w+ \**(?:\(\*)?(\w+)[;)\[])")


def escape(text):
    """A paragraph's line, without what Doxygen or Markdown would take for markup."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\@<>#%&*|$~\[\]\"])", r"\\\1", part)
                   .replace("\\[", "[").replace("\\]", "]").replace("\\*", "&lowast;").replace("\\|", "&#124;")
                   for part in parts)


def body(comment):
    """The lines of a comment without its stars."""
    text = re.sub(r"\s*\*/$", "", re.sub(r"^\s*/\*", "", comment))
    return [re.sub(r"^\s*\*( |$)", "", line) if number else line.strip()
            for number, line in enumerate(text.split("\n"))]


def markup(lines):
    """Code and lists made of what is indented or aligned."""
    result, code, example, status = [], False, False, False
    for number, line in enumerate(lines):
        indented = line.startswith("    ") and not status
        following = next((later for later in lines[number:] if later.strip()), "")
        if code and not indented and not (not line.strip() and following.startswith("    ")):
            result[-1] += " @endcode" if example else " @endverbatim"
            code = example = False
        if indented and not code:
            line, code = ("@code{.c}\n" if example else "@verbatim\n") + line, True
        elif not code:
            example = line.startswith("Example") or (example and line.strip() != "") or (
                example and following.startswith("    "))
            match = STATUS.match(line)
            if match:
                line, status = "- %s: %s" % (match[1], escape(match[2])), True
            elif status and line.startswith("    "):
                line = "  " + escape(line.strip())
            else:
                status = False
                line = escape(line)
        result.append(line)
    if code:
        result.append("@endcode" if example else "@endverbatim")
    return "\n".join(result)


def documented(comment, opening, first=""):
    return "%s%s%s */" % (opening, first, markup(body(comment)))


def convert(text):
    """The header for Doxygen."""
    result, position, head = [], 0, True
    for match in re.finditer(r"/\*.*?\*/", text, flags=re.S):
        before, comment = text[position:match.start()], match[0]
        line = before.rsplit("\n", 1)[-1]
        result.append(before)
        position = match.end()
        if "SPDX" in comment:
            continue
        section = SECTION.match(line + comment)
        if section and not line.strip():
            title = section[1] or section[2]
            result.append("/** @name %s */" % title if not line else "")
        elif line.strip():
            result.append(documented(comment, "/**< "))
        else:
            result.append(documented(comment, "/** ", "@file\n" if head else ""))
            head = False
    return share("".join(result) + text[position:])


def share(text):
    """A declaration below another, without a blank line or a comment, has the comment of that."""
    result, name, inside, previous = [], None, False, ""
    for line in text.split("\n"):
        match = None if inside or line.lstrip().startswith(("/", "*")) else DECLARATION.match(line)
        found = match and (match[1] or match[2] or match[3])
        written = line
        if found and name and (previous.endswith((";", ")")) or previous.startswith("#define")) and "/**<" not in line:
            line = "/** See %s. */ %s" % (name, line)
        if "/*" in line and "/**<" not in line and "See" not in line:
            inside = True
        if "*/" in line:
            inside = False
        if found:
            name = found
        elif not line.strip():
            name = None
        result.append(line)
        previous = written.rstrip()
    return "\n".join(result)


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if sys.argv[1:] and sys.argv[1] in ("-h", "--help") else 2
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(convert(file.read()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
