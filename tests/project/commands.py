# SPDX-License-Identifier: MIT
"""Commands that a check needs to work, and the one that builds."""
import shutil
import subprocess
import sys


class Failed(Exception):
    """A command that did not work; its output is the reason."""


def run(*command, **settings):
    """What a command prints."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, **settings)
    if done.returncode != 0:
        raise Failed("%s: exit code %d: %s" % (" ".join(words), done.returncode,
                                               (done.stdout[-800:] + done.stderr[-800:]).strip()))
    return done.stdout


def meson():
    """The command that runs meson."""
    if shutil.which("meson"):
        return ["meson"]
    return [sys.executable, "-m", "mesonbuild.mesonmain"]
