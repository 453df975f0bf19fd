# SPDX-License-Identifier: MIT
"""The type hints of examples/python/normnet.py, as mypy reads them."""
import pathlib
import sys

import pytest

import normnet

#: A program whose types are as it says, and lines that are wrong.
PROGRAM = '''
from typing import Any, List, Optional, Tuple
from typing_extensions import Self, assert_type
import numpy
from numpy.typing import NDArray
import normnet

images = numpy.zeros((20, 1, 28, 28), numpy.float64)
labels = [0] * 20
out = numpy.zeros((20, 10), numpy.float32), None

with normnet.Model("batch", lr=0.1) as model:
    assert_type(model, normnet.Model)
    assert_type(model.train_step(images, labels).loss, float)
    assert_type(model.evaluate(images, labels).correct, int)
    history = model.fit(images, labels, validation=(images, labels))
    assert_type(history, List[normnet.Epoch])
    assert_type(history[0].validation_accuracy, Optional[float])
    model.fit(images, labels, history=history)
    scores, classes = model.predict(images, "logits", out=out)
    assert_type(scores, NDArray[numpy.float32])
    assert_type(model.layer_output(images, 0), NDArray[numpy.float32])
    assert_type(model.gradient_view(), NDArray[numpy.float64])
    assert_type(model.layers()[0].token, str)
    assert_type(model.state_dict()["0.weight"], NDArray[Any])
    assert_type(model.load_state_dict(model.state_views()).missing_keys, List[str])
    model.fit(images)                              # error
    model.fit(images, labels, epochs="5")          # error
    model.predict(images, out=5)                   # error
    model.predict(model)                           # error
    model.save(7)                                  # error
    model.train(images, labels)                    # error
assert_type(normnet.shard(10, 2, 1), Tuple[int, int])


class Mine(normnet.Model):
    def twice(self) -> Self:
        assert_type(type(self).load("file"), Self)
        return self.clone()
'''


def test_hints(tmp_path):
    mypy = pytest.importorskip("mypy.api", reason="pip install mypy")
    module, program = pathlib.Path(normnet.__file__), tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    output, errors, _ = mypy.run(["--strict", "--python-executable", sys.executable, "--no-error-summary",
                                  "--cache-dir", str(tmp_path / "cache"), str(module), str(program)])
    assert not errors
    found = [line for line in output.splitlines() if ": error:" in line]
    expected = [number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# error")]
    assert [int(line.split(":")[1]) for line in found if "program.py:" in line] == expected, output
    assert len(found) == len(expected), output


def test_every_public_function_has_hints():
    """Also for those who read them with help()."""
    functions = [function for kind in (normnet.Model, normnet) for name, function in vars(kind).items()
                 if not name.startswith("_") and getattr(function, "__module__", "") == "normnet"
                 and callable(function) and not isinstance(function, type)]
    assert len(functions) > 30
    for function in functions:
        code, hints = getattr(function, "__func__", function).__code__, function.__annotations__
        names = code.co_varnames[:code.co_argcount]
        assert set(names) - {"self", "cls"} <= set(hints) and "return" in hints, function
