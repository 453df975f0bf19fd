# SPDX-License-Identifier: MIT
"""python -m normnet COMMAND [OPTION]...: the program normnet-mnist, which trains, predicts and reports.

The package brings it along. `python examples/python COMMAND` starts the one that meson has built in the source tree.
"""
import pathlib
import runpy

HERE = pathlib.Path(__file__).resolve().parent
MODULE = HERE / "normnet.py"  # in the source tree; the package has it under another name

runpy.run_path(str(MODULE if MODULE.is_file() else HERE / "__init__.py"), run_name="__main__")
