# SPDX-License-Identifier: MIT
"""Train small image-classification networks from Python: the C library libnormnet through ctypes.

    import numpy, normnet

    with normnet.Model("group", dropout=0.05, schedule="one_cycle", total_steps=1000) as model:
        for images, labels in batches:                  # uint8 N x 1 x 28 x 28 and N
            metrics = model.train_step(images, labels)
        print(model.evaluate(test_images, test_labels).loss)
        scores, classes = model.predict(test_images)

model.fit(images, labels, epochs=5) trains on a whole data set, in a new order of the images in each epoch. print(model)
shows the network.

The keyword arguments of a model are the fields of normnet_config; include/normnet.h describes them with their
defaults. An enum is given by name ("one_cycle") or by number.

Images: N x channels x height x width; numpy.transpose(x, (0, 3, 1, 2)) views N x height x width x channels like this,
without a copy. uint8 is scaled by 1/255, float32 is used as it is. Labels: N, from 0 to classes - 1; uint8, int32 or
int64. Both are numpy arrays of any strides, or what numpy makes an array of: lists, and objects with the buffer
protocol, DLPack, __array__ or __array_interface__, such as tensors of PyTorch in the CPU's memory. Arrays of these
types are passed without a copy, unless their elements are not aligned or their strides are no multiples of an element.
Other types are converted, into a copy:

    images   bool              0.0 and 1.0
             float16           float32 of the same value
             float64, ...      rounded to the nearest float32; ValueError if that is infinite and the number is not
             other integers    uint8, so that they are scaled by 1/255, too; ValueError for one that is not 0 to 255
    labels   bool, other integers and floats     int64; ValueError for a number that is not whole
    state    float16, float64, ...               as images; other types are a TypeError
    values   bool, other integers and floats      of parameters as state, of gradients in the same way to float64

Returned arrays are copies, but for state_views() and gradient_view().

Errors: a failed call of the library raises NormnetError and leaves the model unchanged. Arguments that cannot be
passed to C raise TypeError, ValueError or OverflowError, with their name.

Copies: copy.copy() and copy.deepcopy() of a model are clones, and a pickle is a checkpoint with the fields of the host
program. No two models share anything but the callbacks.

Threads: see include/normnet.h. ctypes releases the GIL during a call, so models may be used in parallel, and several
threads may predict with one model that has as many `readers`; otherwise a second call on the same model may raise
NORMNET_EBUSY. A model that is closed during a call is freed when the call returns.

The shared library is searched for in this order: the path in the environment variable NORMNET_LIBRARY, the directory
of this file, the build directories of its source tree, and the library directories of the system.

`python -m normnet COMMAND [OPTION]...` is the program normnet-mnist, which trains, predicts and reports: that of the
build directories, of the package that pip has installed, or the one on PATH.
"""
from __future__ import annotations

import copy
import copyreg
import ctypes
import ctypes.util
import difflib
import functools
import operator
import os
import re
import shutil
import subprocess
import sys
from ctypes import POINTER, addressof, byref, c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_void_p, sizeof
from enum import IntEnum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

try:
    import numpy
except ImportError:  # optional: models without data and the functions at the end work without it
    numpy = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from typing import Iterable, Mapping, NoReturn, Protocol, Union

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    class WithDLPack(Protocol):
        """An array in the sense of DLPack."""

        def __dlpack__(self) -> Any: ...

    class WithArrayInterface(Protocol):
        """An object that describes its memory to numpy."""

        @property
        def __array_interface__(self) -> dict[str, Any]: ...

    #: What numpy makes an array of.
    Data = Union[ArrayLike, WithDLPack, WithArrayInterface]
    Array = NDArray[Any]
    Floats = NDArray[numpy.float32]
    Path = Union[str, bytes, os.PathLike[Any]]


# ---- The files of this module ----------------------------------------------------------------------

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_HERE))
#: Where meson has built the source tree that this file may be in.
_BUILDS = [os.path.join(_ROOT, *build.split("/"))
           for build in ("build", "builddir", "build/release", "build/examples", "build/dev")]


def _find_program() -> str | None:
    from importlib import metadata  # takes longer to import than all that the module needs without it

    names = ("normnet-mnist", "normnet-mnist.exe")
    found = [os.path.join(build, "examples", "mnist", name) for build in _BUILDS for name in names]
    try:
        found += [os.path.realpath(file.locate()) for file in metadata.files("normnet") or [] if file.name in names]
    except metadata.PackageNotFoundError:
        pass
    return next(filter(os.path.isfile, found), None) or shutil.which(names[0])


def _run_program(arguments: list[str]) -> int:
    """Runs normnet-mnist in place of Python, so that its output, Ctrl-C and exit code are its own."""
    program = _find_program()
    if program is None:
        print("error: normnet-mnist was not found: pip install the package normnet (examples/python in the sources of"
              " libnormnet), build the sources with meson, or put normnet-mnist on PATH", file=sys.stderr)
        return 1
    if os.name == "nt":  # where the program would run on after the shell has its prompt back
        return subprocess.run([program, *arguments], check=False).returncode
    sys.stdout.flush()
    os.execv(program, [program, *arguments])


if __name__ == "__main__":  # python -m normnet, which needs neither the shared library nor numpy
    sys.exit(_run_program(sys.argv[1:]))

# ---- The header in Python --------------------------------------------------------------------------

Status = IntEnum("Status", "OK EINVAL ENOMEM EIO ETRUNCATED EFORMAT ELIMIT EUNSUPPORTED EARCH EMISMATCH EVALUE"
                           " ECHECKSUM ELABEL EBUSY ESTATE", start=0)
Norm = IntEnum("Norm", "NONE BATCH GROUP LAYER INSTANCE RMS", start=0)
Affine = IntEnum("Affine", "DEFAULT CHANNEL ELEMENT NONE", start=0)
Penalty = IntEnum("Penalty", "ALL WEIGHTS", start=0)
Schedule = IntEnum("Schedule", "CONSTANT STEP ONE_CYCLE", start=0)
Anneal = IntEnum("Anneal", "COSINE LINEAR", start=0)
Cpu = IntEnum("Cpu", "BEST PORTABLE AVX2 AVX512 NEON", start=0)
Dtype = IntEnum("Dtype", "U8 F32 I32 I64", start=1)
Scores = IntEnum("Scores", "PROBABILITIES LOG_PROBABILITIES LOGITS", start=0)
Statistics = IntEnum("Statistics", "RUNNING BATCH", start=0)
Weights = IntEnum("Weights", "CURRENT AVERAGE", start=0)
File = IntEnum("File", "CHECKPOINT WEIGHTS", start=0)

Allocate = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_int64, c_int64)
Deallocate = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_int64)
Reduce = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(c_double), c_int64)
Task = ctypes.CFUNCTYPE(None, c_void_p, c_int32)
ParallelFor = ctypes.CFUNCTYPE(None, c_void_p, c_int32, Task, c_void_p)


def _fields(*groups: tuple[Any, str]) -> list[tuple[str, Any]]:
    return [(name, ctype) for ctype, names in groups for name in names.split()]


class _Struct(ctypes.Structure):
    """A struct of the header; each begins with its own size."""

    def __init__(self, **values: Any) -> None:
        super().__init__(struct_size=sizeof(type(self)), **values)


class Config(_Struct):
    """normnet_config"""
    _fields_ = _fields(
        (c_int32, "struct_size norm channels height width classes groups layer_dims affine virtual_batch"
                  " cumulative_statistics penalty_on schedule anneal three_phase cycle_momentum nesterov"
                  " threads readers max_batch cpu reserved"),
        (c_int64, "seed total_steps step_size memory_limit"),
        (c_double, "eps batchnorm_momentum dropout l1 l2 label_smoothing lr momentum dampening step_gamma"
                   " max_lr base_momentum max_momentum pct_start div_factor final_div_factor clip_norm"),
        (c_char_p, "architecture"), (POINTER(c_double), "input_mean input_std"),
        (Allocate, "allocate"), (Deallocate, "deallocate"), (c_void_p, "allocator_user"),
        (Reduce, "reduce"), (c_void_p, "reduce_user"), (ParallelFor, "parallel_for"), (c_void_p, "parallel_user"),
        (c_double, "average_decay"), (c_int64, "average_from"))


class Tensor(_Struct):
    """normnet_tensor"""
    _fields_ = _fields((c_int32, "struct_size dtype rank reserved"), (c_int64 * 8, "shape strides"), (c_void_p, "data"),
                       *([(c_int32, "reserved_pointer")] if sizeof(c_void_p) == 4 else []))


class LayerInfo(_Struct):
    """normnet_layer_info"""
    _fields_ = _fields((c_int32, "struct_size channels height width receptive_field reserved"),
                       (c_int64, "parameters multiply_adds"), (c_char_p, "token module"))


class StateInfo(_Struct):
    """normnet_state_info"""
    _fields_ = _fields((c_int32, "struct_size dtype rank trained"), (c_int64 * 8, "shape"), (c_char_p, "name"),
                       (c_void_p, "data average"), *([(c_int32, "reserved_pointer")] if sizeof(c_void_p) == 4 else []))


class Metrics(_Struct):
    """normnet_metrics"""
    _fields_ = _fields((c_int32, "struct_size reserved"), (c_double, "loss penalty"), (c_int64, "count correct step"),
                       (c_double, "lr momentum gradient_norm"))


class Batch(_Struct):
    """normnet_batch"""
    _fields_ = _fields((c_int32, "struct_size reserved"), (c_int64, "first_sample images_in_all"))


class Options(_Struct):
    """normnet_predict_options"""
    _fields_ = _fields((c_int32, "struct_size scores statistics weights"))


class SaveOptions(_Struct):
    """normnet_save_options"""
    _fields_ = _fields((c_int32, "struct_size kind"), (c_char_p, "note"),
                       *([(c_int32, "reserved_pointer")] if sizeof(c_void_p) == 4 else []))


_MODEL, _TENSOR, _METRICS = c_void_p, POINTER(Tensor), POINTER(Metrics)
_CONFIG, _OPTIONS, _INT64, _DOUBLE = POINTER(Config), POINTER(Options), POINTER(c_int64), POINTER(c_double)

#: Every function of the header: its return type and its argument types. A normnet_status is a c_int32.
FUNCTIONS = {
    "normnet_status_string": (c_char_p, [c_int32]),
    "normnet_error_message": (c_char_p, []),
    "normnet_version": (c_char_p, []),
    "normnet_abi_version": (c_int32, []),
    "normnet_bits_version": (c_int32, []),
    "normnet_config_init_size": (c_int32, [_CONFIG, c_int32, c_int32]),
    "normnet_model_create": (c_int32, [POINTER(_MODEL), _CONFIG]),
    "normnet_model_destroy": (None, [_MODEL]),
    "normnet_model_config": (c_int32, [_MODEL, _CONFIG]),
    "normnet_cpu_name": (c_char_p, [_MODEL]),
    "normnet_model_summary": (c_int64, [_MODEL, c_char_p, c_int64]),
    "normnet_layer_count": (c_int32, [_MODEL]),
    "normnet_layer": (c_int32, [_MODEL, c_int32, POINTER(LayerInfo)]),
    "normnet_parameter_count": (c_int64, [_MODEL]),
    "normnet_state_count": (c_int32, [_MODEL]),
    "normnet_state": (c_int32, [_MODEL, c_int32, POINTER(StateInfo)]),
    "normnet_set_state": (c_int32, [_MODEL, c_char_p, _TENSOR]),
    "normnet_set_parameters": (c_int32, [_MODEL, POINTER(c_float), c_int64]),
    "normnet_train_step": (c_int32, [_MODEL, _TENSOR, _TENSOR, _METRICS]),
    "normnet_compute_gradients": (c_int32, [_MODEL, _TENSOR, _TENSOR, POINTER(Batch), _METRICS]),
    "normnet_gradients": (c_int32, [_MODEL, POINTER(_DOUBLE), _INT64]),
    "normnet_apply_gradients": (c_int32, [_MODEL, c_int64]),
    "normnet_discard_gradients": (c_int32, [_MODEL]),
    "normnet_set_learning_rate": (c_int32, [_MODEL, c_double, c_double]),
    "normnet_update_statistics": (c_int32, [_MODEL, _TENSOR, c_int32]),
    "normnet_update_average_statistics": (c_int32, [_MODEL, _TENSOR, c_int32]),
    "normnet_evaluate": (c_int32, [_MODEL, _TENSOR, _TENSOR, _METRICS, _INT64, _OPTIONS]),
    "normnet_predict": (c_int32, [_MODEL, _TENSOR, _TENSOR, _TENSOR, _OPTIONS]),
    "normnet_layer_output": (c_int32, [_MODEL, _TENSOR, c_int32, _TENSOR, _OPTIONS]),
    "normnet_model_save": (c_int32, [_MODEL, c_char_p, POINTER(SaveOptions)]),
    "normnet_model_serialize": (c_int32, [_MODEL, c_void_p, c_int64, _INT64, POINTER(SaveOptions)]),
    "normnet_model_load": (c_int32, [POINTER(_MODEL), c_char_p, _CONFIG]),
    "normnet_model_deserialize": (c_int32, [POINTER(_MODEL), c_void_p, c_int64, _CONFIG]),
    "normnet_load_weights": (c_int32, [_MODEL, c_char_p]),
    "normnet_deserialize_weights": (c_int32, [_MODEL, c_void_p, c_int64]),
    "normnet_model_export_onnx": (c_int32, [_MODEL, c_char_p]),
    "normnet_model_note": (c_char_p, [_MODEL]),
    "normnet_steps_taken": (c_int64, [_MODEL]),
    "normnet_model_clone": (c_int32, [POINTER(_MODEL), _MODEL, _CONFIG]),
    "normnet_model_clone_average": (c_int32, [POINTER(_MODEL), _MODEL, _CONFIG]),
    "normnet_one_cycle_lr": (c_int32, [_CONFIG, c_int64, _DOUBLE, _DOUBLE]),
    "normnet_step_lr": (c_int32, [_CONFIG, c_int64, _DOUBLE, _DOUBLE]),
    "normnet_shard": (c_int32, [c_int64, c_int32, c_int32, _INT64, _INT64]),
}


def _load() -> ctypes.CDLL:
    """Loads the shared library and sets the types of its functions. ImportError if there is none."""
    systems = {"win32": ["normnet-0.dll", "libnormnet-0.dll", "normnet.dll", "libnormnet.dll"],
               "darwin": ["libnormnet.0.dylib", "libnormnet.dylib"]}
    names = systems.get(sys.platform, ["libnormnet.so.0", "libnormnet.so"])
    folders = [_HERE] + [os.path.join(build, lib) for build in _BUILDS for lib in ("", "lib")]
    found = [path for path in (os.path.join(f, n) for f in folders for n in names) if os.path.exists(path)]
    path = os.environ.get("NORMNET_LIBRARY") or (found[0] if found else ctypes.util.find_library("normnet"))
    if not path:
        raise ImportError("libnormnet was not found: install it, or set NORMNET_LIBRARY to the shared library's path")
    library = ctypes.CDLL(path)
    for name, (restype, argtypes) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = restype, argtypes
    return library


library = _load()

# ---- From Python to C and back ---------------------------------------------------------------------


class NormnetError(Exception):
    """A failed call of the library.

    `status` is its number (see Status), `name` the name of the status, e.g. "NORMNET_ELABEL", and `message` the error
    message with the offending value.
    """

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(status, name, message)
        self.status, self.name, self.message = status, name, message

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def _shape_advice(shape: tuple[int, ...], image: tuple[int, ...]) -> str:
    """The end of a message about a shape: what makes the images N x channels x height x width, if that is clear."""
    channels, height, width = image
    if shape[1:] == image:
        return ""
    if shape[1:] == (height, width, channels):
        return "; call numpy.transpose(x, (0, 3, 1, 2)), or x.permute(0, 3, 1, 2) in PyTorch: neither copies anything"
    flat = shape[1:] == (channels * height * width,)
    if flat or channels == 1 and shape in ((height, width), (*shape[:1], height, width)):
        return f"; call x.reshape(-1, {channels}, {height}, {width})"
    return ""


#: What C says of the shape of images and of an output like them; after it comes how to set strides in C.
_WRONG_SHAPE = re.compile(r"(?:images have|output has) the shape (\d+(?:x\d+)*); "
                          r"expected (?:N|\d+)x(\d+x\d+x\d+)(?=;|$)")


def _message() -> str:
    """What C says of the call that has failed, with the advice for Python."""
    message = library.normnet_error_message().decode("utf-8", "replace")
    found = _WRONG_SHAPE.match(message)
    if not found:
        return str(message)
    shape, image = (tuple(map(int, text.split("x"))) for text in found.groups())
    return found[0] + _shape_advice(shape, image)


def _check(status: int) -> None:
    if status:
        raise NormnetError(status, library.normnet_status_string(status).decode(), _message())


def _nearest(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest that there is, if one is near."""
    return "".join(f"; did you mean {near!r}?" for near in difflib.get_close_matches(name, names, n=1))


def _member(enum: type[IntEnum], value: str | int, name: str) -> int:
    """The number of a member of an enum, given by name or number. ValueError for an unknown name."""
    if not isinstance(value, str):
        return _integer(value, name, c_int32)
    try:
        return enum[value.upper().replace("-", "_")]
    except KeyError:
        names = [member.name.lower() for member in enum]
        raise ValueError(f"{name} is {value!r}; expected {', '.join(names[:-1])} or {names[-1]}"
                         + _nearest(value.lower(), names)) from None


def _digits(number: int) -> str:
    """An integer for a message; Python prints none of thousands of digits."""
    return str(number) if number.bit_length() <= 128 else f"(an integer of {number.bit_length()} bits)"


def _integer(value: Any, name: str, ctype: Any = c_int64) -> int:
    """A number for C, which would cut off what does not fit. TypeError, or OverflowError if it does not fit."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; expected an integer") from None
    if ctype(number).value != number:
        raise OverflowError(f"{name} = {_digits(number)} does not fit into {8 * sizeof(ctype)} bits")
    return number


def _number(value: Any, name: str) -> float:
    """A double for C. TypeError for another type, OverflowError for an integer that no double can hold."""
    try:
        return c_double(value).value
    except TypeError:
        raise TypeError(f"{name} is {value!r}; expected a number") from None
    except OverflowError:
        raise OverflowError(f"{name} = {_digits(operator.index(value))} does not fit into a double") from None


def _bytes(value: Any) -> bytes:
    """The bytes of a file. TypeError for a string or a number."""
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise TypeError(f"data is of type {type(value).__name__}; expected the bytes of a file") from None


def _text(value: Any, name: str, encode: Callable[[str], bytes] = str.encode) -> bytes:
    """The bytes of a string for C, in UTF-8 by default. TypeError for another type, ValueError for zero bytes and for
    what cannot be encoded."""
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"{name} is {value!r}; expected a string")
    try:
        data = encode(value) if isinstance(value, str) else value
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} is {value!r}; expected a string that can be encoded: {error}") from None
    if b"\0" in data:
        raise ValueError(f"{name} is {value!r}; expected a string without a zero byte")
    return data


def _path(value: Any) -> bytes:
    """The bytes of the name of a file. TypeError and ValueError as _text()."""
    try:
        return _text(os.fspath(value), "path", os.fsencode)
    except TypeError:
        raise TypeError(f"path is {value!r}; expected the name of a file") from None


def _plain(struct: _Struct) -> dict[str, Any]:
    """The fields of a struct as Python values that outlive the model."""
    names = (field[0] for field in struct._fields_ if field[0] not in ("struct_size", "reserved"))
    values = ((name, getattr(struct, name)) for name in names)
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values}


class Results(SimpleNamespace):
    """The fields of normnet_metrics: what a batch or a test has given."""
    loss: float           # mean over the images, without penalty
    penalty: float
    count: int            # of images
    correct: int          # images that were recognized
    step: int
    lr: float
    momentum: float
    gradient_norm: float
    confusion: Array      # of evaluate(), if it was asked for


class Layer(SimpleNamespace):
    """The fields of normnet_layer_info."""
    channels: int
    height: int
    width: int
    receptive_field: int  # pixels
    parameters: int
    multiply_adds: int    # per image
    token: str
    module: str


class Epoch(SimpleNamespace):
    """A line of the history of fit()."""
    epoch: int            # counted from 1
    step: int             # the last one
    lr: float             # of this step
    loss: float           # mean over the images, while it trained with them
    accuracy: float       # so is this
    validation_loss: float | None  # None without validation
    validation_accuracy: float | None


class Keys(SimpleNamespace):
    """The names that load_state_dict() did not find, or did not expect."""
    missing_keys: list[str]
    unexpected_keys: list[str]


#: The dtypes of a normnet_tensor; in the byte order of this machine.
_CODES: dict[Any, int] = {numpy.dtype(name): int(code) for name, code in (
    ("uint8", Dtype.U8), ("float32", Dtype.F32), ("int32", Dtype.I32), ("int64", Dtype.I64))} if numpy else {}
_ndarray: Any = numpy.ndarray if numpy else None


def _float(array: Array, name: str, dtype: str = "float32") -> Array:
    """Numbers as the nearest ones of a dtype. ValueError if one is too large for that."""
    with numpy.errstate(over="ignore"):
        floats = array.astype(dtype)
    lost = numpy.isinf(floats) & ~numpy.isinf(array)
    if lost.any():
        raise ValueError(f"{name} has {array[lost][0]}; expected numbers that a {dtype} can hold, up to"
                         f" {numpy.finfo(dtype).max:.2g}")
    return floats


def _pixels(array: Array, name: str) -> Array | None:
    """Images of another dtype as float32 or uint8; None if it is not one of numbers."""
    if array.dtype.kind in "bf":
        return _float(array, name)
    if array.dtype.kind not in "iu":
        return None
    wrong = (array < 0) | (array > 255)
    if wrong.any():
        raise ValueError(f"{name} has {array[wrong][0]}; expected integers from 0 to 255, which are scaled by 1/255")
    return array.astype(numpy.uint8)


def _whole(array: Array, name: str) -> Array | None:
    """Labels of another dtype as int64; None if it is not one of numbers."""
    if array.dtype.kind not in "biuf":
        return None
    with numpy.errstate(invalid="ignore"):
        whole = array.astype(numpy.int64)
    wrong = whole != array
    if wrong.any():
        raise ValueError(f"{name} has {array[wrong][0]}; expected whole numbers from 0 to classes - 1")
    return whole


def _native(array: Array, name: str) -> Array | None:
    """Entries of the state of another dtype: floats as load_weights() takes them; None if C cannot take it."""
    if array.dtype.kind == "f":
        return _float(array, name)
    dtype = array.dtype.newbyteorder("=")
    return array.astype(dtype) if dtype in _CODES else None


def _real(array: Array, name: str, dtype: str = "float32") -> Array | None:
    """Parameters and gradients of another dtype; None if it is not one of numbers."""
    return _float(array, name, dtype) if array.dtype.kind in "biuf" else None


class _Kind(NamedTuple):
    """What an argument may be."""
    codes: tuple[int, ...]  # of the dtypes that C takes
    expected: str           # for the message
    convert: Callable[[Array, str], Array | None]  # makes one of these of another dtype


_IMAGES = _Kind((1, 2), "uint8 or float32, or other real numbers", _pixels)
_LABELS = _Kind((1, 3, 4), "uint8, int32 or int64, or other whole numbers", _whole)
_STATE = _Kind((1, 2, 3, 4), "uint8, float32, int32 or int64", _native)
_PARAMETERS = _Kind((2,), "float32, or other real numbers", _real)
_GRADIENTS = _Kind((), "float64, or other real numbers", functools.partial(_real, dtype="float64"))


def _array(value: Any, name: str) -> Array:
    """A numpy array of what is one or can become one, without a copy where that is possible. TypeError if it cannot."""
    if numpy is None:
        raise ImportError("images, labels and weights are numpy arrays: install numpy")
    try:
        if isinstance(value, bytes):  # which numpy would take for a string
            return numpy.asarray(memoryview(value))
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return numpy.from_dlpack(value)
        if numpy.ma.is_masked(value):
            raise TypeError("it has masked elements: fill them, for example by filled(0)")
        return numpy.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{name} is of type {type(value).__name__} and does not become an array: {error}") from error


def _converted(array: Array, name: str, kind: _Kind) -> Array:
    """An array of a dtype that C takes. TypeError if there is no conversion, ValueError for an element without one."""
    converted = kind.convert(array, name)
    if converted is None:
        raise TypeError(f"the dtype of {name} is {array.dtype}; expected {kind.expected}")
    return converted


@functools.lru_cache(maxsize=256)
def _layout(dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor | None:
    """A tensor for all arrays with this dtype, shape and strides, which lacks the address; None if there is none."""
    size = dtype.itemsize
    # The stride of a dimension of one element is never used; 1 keeps it from looking like a zero.
    steps = [stride // size if length != 1 else 1 for stride, length in zip(strides, shape)]
    # All 0 is contiguous in C, but one repeated element in numpy.
    if len(shape) > 8 or any(stride % size for stride in strides) or (steps and not any(steps) and all(shape)):
        return None
    return Tensor(dtype=_CODES[dtype], rank=len(shape), shape=shape, strides=tuple(steps))


def _address(array: Array) -> int:
    """Where an array's elements begin."""
    try:  # a quarter of the time of the other ways
        return addressof(c_char.from_buffer(array))  # type: ignore[arg-type, unused-ignore]
    except (TypeError, ValueError):  # read-only, not contiguous or empty
        return int(array.__array_interface__["data"][0])


def _view(array: Array) -> Tensor | None:
    """A tensor over the memory of an array, which must outlive it; None if a normnet_tensor cannot describe it."""
    layout, address = _layout(array.dtype, array.shape, array.strides), _address(array)
    if layout is None or address % array.itemsize:
        return None
    tensor = Tensor.from_buffer_copy(layout)  # faster than a new one, and no other thread has it
    tensor.data = address
    return tensor


def _check_finite(array: Array, name: str) -> None:
    """NormnetError, as from the library, for the first number that is not finite."""
    with numpy.errstate(invalid="ignore"):
        if numpy.isfinite(array.min(initial=0)) and numpy.isfinite(array.max(initial=0)):  # no memory for an array
            return
    place = tuple(numpy.argwhere(~numpy.isfinite(array))[0])
    raise NormnetError(Status.EVALUE, "NORMNET_EVALUE", f"{name}{''.join(f'[{index}]' for index in place)} is"
                       f" {array[place]}; expected a finite number")


class _Slot:
    """A tensor over one array after another: while dtype, shape and strides stay the same, only the address is new.

    It keeps no array alive, and trusts none to be as it was.
    """
    __slots__ = ("tensor", "dtype", "shape", "strides")

    dtype: Any
    shape: Any
    strides: Any

    def __init__(self) -> None:
        self.tensor: Tensor | None = None

    def view(self, array: Array) -> Tensor | None:
        """The same as _view()."""
        tensor = self.tensor
        if tensor is not None and array.dtype is self.dtype and array.shape == self.shape \
                and array.strides == self.strides:
            address = _address(array)
            if not address % array.itemsize:
                tensor.data = address
                return tensor
        self.tensor = tensor = _view(array)
        self.dtype, self.shape, self.strides = array.dtype, array.shape, array.strides
        return tensor


def _describe(value: Any, name: str, kind: _Kind, view: Callable[[Array], Tensor | None]) -> tuple[Array, Tensor]:
    """The array of what _array() takes and a normnet_tensor over it, which is valid as long as the array exists.

    The array is a copy only if its dtype or strides are not those of a normnet_tensor. TypeError for an unsupported
    dtype, ValueError for more than 8 dimensions or an element that cannot be converted.
    """
    array = value if type(value) is _ndarray else _array(value, name)
    if _CODES.get(array.dtype) not in kind.codes:
        array = _converted(array, name, kind)
    tensor = view(array)
    if tensor is not None:
        return array, tensor
    if array.ndim > 8:
        raise ValueError(f"{name} has {array.ndim} dimensions; expected at most 8")
    return _describe(array.copy(order="C"), name, kind, view)


def _tensor(value: Any, name: str = "the array", kind: _Kind = _STATE) -> Tensor:
    """A normnet_tensor over what _array() takes, see _describe(); it keeps the array."""
    array, tensor = _describe(value, name, kind, _view)
    tensor.array = array
    return tensor


def _images(value: Any) -> Tensor:
    return _tensor(value, "images", _IMAGES)


def _labels(value: Any) -> Tensor:
    return _tensor(value, "labels", _LABELS)


def _output(array: Any, name: str, codes: tuple[int, ...], expected: str,
            view: Callable[[Array], Tensor | None] = _view) -> Tensor:
    """A tensor over an array of the caller, for C to write. TypeError or ValueError if that is not possible."""
    if not isinstance(array, numpy.ndarray):
        raise TypeError(f"{name} is of type {type(array).__name__}; expected a numpy array")
    if _CODES.get(array.dtype) not in codes:
        raise TypeError(f"the dtype of {name} is {array.dtype}; expected {expected}")
    if not array.flags.writeable:
        raise ValueError(f"{name} is read-only")
    tensor = view(array)
    if tensor is None:
        raise ValueError(f"{name} has the strides {array.strides} in bytes, or an address, that C cannot use: expected"
                         f" multiples of {array.itemsize}, not all 0")
    return tensor


def _pair(value: Any, name: str, what: str) -> Any:
    """The two elements of a tuple or list. TypeError if it is something else."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} is of type {type(value).__name__}; expected a pair of {what}")
    return value


def _options(scores: str | int, statistics: str | int, weights: str | int) -> Options:
    """The normnet_predict_options of a call."""
    try:
        return _USUAL_OPTIONS[scores, statistics, weights]
    except (KeyError, TypeError):  # written in another way, or wrong
        return Options(scores=_member(Scores, scores, "scores"),
                       statistics=_member(Statistics, statistics, "statistics"),
                       weights=_member(Weights, weights, "weights"))


#: Those of the usual names, which no call changes.
_USUAL_OPTIONS: dict[Any, Options] = {(scores.name.lower(), statistics.name.lower(), weights.name.lower()):
            Options(scores=scores, statistics=statistics, weights=weights)
            for scores in Scores for statistics in Statistics for weights in Weights}


#: The fields of normnet_config that programs may set, with their types.
_FIELDS = {field[0]: field[1] for field in Config._fields_ if field[0] not in ("struct_size", "reserved")}
_ENUMS = {"norm": Norm, "affine": Affine, "penalty_on": Penalty, "schedule": Schedule, "anneal": Anneal, "cpu": Cpu}
#: What other libraries call them.
_OTHER_NAMES = {"learning_rate": "lr", "weight_decay": "l2", "gamma": "step_gamma", "num_classes": "classes",
                "batch_size": "max_batch", "num_threads": "threads", "random_state": "seed", "epochs": "total_steps"}
_EXPECTED = {POINTER(c_double): "a list of numbers, one per channel", c_void_p: "an address",
             Allocate: "a normnet.Allocate", Deallocate: "a normnet.Deallocate", ParallelFor: "a normnet.ParallelFor",
             Reduce: "a function of one array, or a normnet.Reduce"}


def _field(config: Config, name: str, value: Any) -> Any:
    """A value as its field of normnet_config takes it. TypeError for another type."""
    ctype = _FIELDS[name]
    if name in _ENUMS:
        return _member(_ENUMS[name], value, name)
    if ctype in (c_int32, c_int64):
        return _integer(value, name, ctype)
    if ctype is c_double:
        return _number(value, name)
    if ctype is c_char_p:
        return None if value is None else _text(value, name)
    given = value
    try:
        if value is None and ctype in (Allocate, Deallocate, Reduce, ParallelFor):
            value = ctype()
        elif ctype is POINTER(c_double) and value is not None:
            value = (c_double * len(value))(*(_number(each, f"{name}[{i}]") for i, each in enumerate(value)))
        elif ctype is Reduce and callable(value) and not isinstance(value, Reduce):
            config.reducer = value
            value = Reduce(_reducer(config, value))
        setattr(Config(), name, value)
    except TypeError:
        raise TypeError(f"{name} is {given!r}; expected {_EXPECTED[ctype]}") from None
    return value


def _config(norm: str | int, fields: Mapping[str, Any]) -> Config:
    """A normnet_config with the given fields and the defaults for `norm`.

    TypeError for an unknown field or another type, OverflowError for a number out of range, ValueError for a wrong
    length and a string that cannot be passed.
    """
    config = Config()
    config.failure = config.reducer = None
    _check(library.normnet_config_init_size(config, sizeof(config), _field(config, "norm", norm)))
    for name, value in fields.items():
        if name not in _FIELDS:
            raise TypeError(f"normnet_config has no field {name!r}" + _nearest(_OTHER_NAMES.get(name, name), _FIELDS))
        setattr(config, name, _field(config, name, value))
    for name in ("input_mean", "input_std"):
        if fields.get(name) is not None and len(fields[name]) != config.channels:
            raise ValueError(f"{name} has {len(fields[name])} values; expected {config.channels}, one per channel")
    return config


def _shown(name: str, value: Any) -> str:
    """A field for a message: an enum by name."""
    if name not in _ENUMS:
        return repr(value)
    names = {int(member): member.name.lower() for member in _ENUMS[name]}
    return repr(names.get(value, value))


def _reducer(config: Config, function: Callable[[Array], object]) -> Callable[[int, Any, int], int]:
    """The callback normnet_config.reduce for `function(values)`, which replaces an array by its sum over all ranks."""
    def reduce(_: int, values: Any, count: int) -> int:
        try:
            function(numpy.ctypeslib.as_array(values, (count,)))
            return 0
        except BaseException as error:  # an exception cannot pass through C; the NormnetError has it as its cause
            config.failure = error
            return 1
    return reduce


def _data_set(images: Any, labels: Any, config: SimpleNamespace, part: str = "") -> tuple[Array, Array]:
    """Images and labels as arrays that C takes. ValueError for another shape, NormnetError for a wrong label and for a
    pixel that is not finite."""
    names = part + "images", part + "labels"
    images, labels = _tensor(images, names[0], _IMAGES).array, _tensor(labels, names[1], _LABELS).array
    image = config.channels, config.height, config.width
    if labels.ndim != 1 or not labels.size or images.shape != labels.shape + image:
        raise ValueError(f"the shapes of {names[0]} and {names[1]} are {images.shape} and {labels.shape}; expected"
                         f" N x {' x '.join(map(str, image))} and N, with an N of at least 1"
                         + _shape_advice(images.shape, image))
    wrong = numpy.flatnonzero((labels < 0) | (labels >= config.classes))
    if wrong.size:
        raise NormnetError(Status.ELABEL, "NORMNET_ELABEL",
                           f"{names[1]}[{wrong[0]}] is {labels[wrong[0]]}; expected 0 to {config.classes - 1}")
    if images.dtype.kind == "f":
        _check_finite(images, names[0])
    return images, labels


class _NoProgress:
    """What fit() uses of tqdm, which may be missing."""

    def set_description(self, text: str) -> None:
        """Does nothing."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Does nothing."""

    def update(self, steps: int) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def _progress(steps: int, shown: bool | None) -> Any:
    """A progress bar with the time left. None shows it on terminals and in notebooks, if tqdm is installed."""
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        if shown:
            raise
        return _NoProgress()
    return tqdm(total=steps, unit="step", disable=None if shown is None else not shown)


def _save_options(kind: str | int, note: str | bytes | None) -> SaveOptions:
    return SaveOptions(kind=_member(File, kind, "kind"), note=None if note is None else _text(note, "note"))


#: The attributes of a model that no copy may share.
_OWN = ("_handle", "_config", "_classes")

#: The fields of normnet_config that belong to the host program and not to the model, and its functions with what
#: is passed to them. A clone inherits both; a pickle has the first.
_SETTINGS = ("threads", "readers", "max_batch", "cpu", "memory_limit")
_CALLBACKS = ("allocate", "deallocate", "allocator_user", "reduce_user", "parallel_for", "parallel_user")


def _without_own(state: Any) -> Any:
    """A dictionary of attributes without those that no copy may share; anything else as it is."""
    return {name: value for name, value in state.items() if name not in _OWN} if isinstance(state, dict) else state


def _restore(kind: type[Model], data: bytes, host: dict[str, Any]) -> Model:
    """A model from what Model.__reduce__ returned."""
    return kind.deserialize(data, **host)


# ---- Models ----------------------------------------------------------------------------------------


class _Handle(c_void_p):
    """A normnet_model, which lives as long as someone refers to it: a model that is open, a view, or a call."""

    def __init__(self) -> None:
        super().__init__()
        self.config: Config | None = None  # owns the functions that the library keeps using
        self.shapes: list[tuple[int, ...]] = []  # of the layers' outputs, once someone has asked for one
        self.slots: list[tuple[_Slot, _Slot, _Slot]] = []  # for calls of predict(), each of which takes three

    def __del__(self, destroy: Any = library.normnet_model_destroy) -> None:
        destroy(self)

    def __reduce__(self) -> NoReturn:
        """For copy and pickle, if a subclass copies all its attributes: two handles would free the model twice."""
        raise TypeError("the handle of a model cannot be copied: copy the model, e.g. by clone()")


class _Memory:
    """Memory of a model for numpy, whose arrays keep this object, and so the memory."""

    def __init__(self, handle: _Handle, address: int, shape: tuple[int, ...], kind: str, read_only: bool) -> None:
        self.handle = handle
        self.__array_interface__ = {"version": 3, "shape": shape, "data": (address, read_only),
                                    "typestr": ("<" if sys.byteorder == "little" else ">") + kind}


def _entry(handle: _Handle, info: StateInfo, address: int) -> Array:
    """An entry of the state, read-only."""
    kind = "f4" if info.dtype == Dtype.F32 else "i8"
    return numpy.asarray(_Memory(handle, address, tuple(info.shape[:info.rank]), kind, True))


class Model:
    """A network with its weights, running statistics and optimizer state.

    norm: the normalization of the layers `norm`: "none" (default), "batch", "group", "layer", "instance" or "rms".
    config: the other fields of normnet_config, for example
        Model("batch", architecture="conv3-8 relu norm gap conv1-10", height=32, width=32, lr=0.1)
    Defaults are a network for 1 x 28 x 28 images and 10 classes, and SGD with lr 0.01 and momentum 0.9.
    `reduce` is a Python function of one float64 array, which it replaces by the sum over all ranks, in place.

    Raises NormnetError, e.g. NORMNET_EARCH for an invalid architecture and NORMNET_EINVAL for a value out of range.
    The memory is freed at the end of a `with` block, by close(), or with the last reference.

    repr() shows the network, summary() its parameters and warnings as well.
    """

    _handle = None  # of a closed model, and before __init__()
    _classes = 0

    def __init__(self, norm: str | int = "none", **config: Any) -> None:
        self._create(_config(norm, config), library.normnet_model_create)

    def _create(self, config: Config, create: Any, *arguments: Any) -> Self:
        handle = _Handle()
        _check(create(byref(handle), *arguments, config))
        self._handle = handle
        handle.config = self._config = config
        self._classes = self.config.classes
        return self

    @classmethod
    def _create_as(cls, fields: Mapping[str, Any], create: Any, *arguments: Any,
                   original: Config | None = None) -> Self:
        """Creates a model, most of whose fields come from a file or an original, which `fields` must not contradict.

        ValueError for a field with another value: it would be ignored.
        """
        compared = ("norm", "input_mean", "input_std")  # passed as the norm, or only compared
        given = _config(fields.get("norm", "none"), {name: fields[name] for name in fields if name not in compared})
        given.original = original  # owns the functions that a copy shares
        model = cls.__new__(cls)._create(given, create, *arguments)
        config = model.config
        for name, value in fields.items():
            if value is None or not hasattr(config, name) or name in _SETTINGS:
                continue
            if name in ("input_mean", "input_std"):
                value = list(_field(given, name, value))
            elif name == "architecture":
                value = given.architecture.decode("utf-8", "replace")
            else:
                value = getattr(given, name)
            if getattr(config, name) != value:
                model.close()
                raise ValueError(f"{name} is {_shown(name, value)}; the model has"
                                 f" {_shown(name, getattr(config, name))}, which cannot be changed here:"
                                 " set_learning_rate() changes lr and momentum, and a file of weights takes other"
                                 " settings of the training")
        return model

    @classmethod
    def load(cls, path: Path, **host: Any) -> Self:
        """Loads a model from a file.

        A checkpoint has everything but the fields of the host program (threads, readers, max_batch, cpu,
        memory_limit, ...), which are given as keywords. A file of weights has the network only, and the keywords may
        set all other fields. ValueError for a field that the file has with another value. Other errors: NORMNET_EIO,
        NORMNET_EFORMAT, NORMNET_ETRUNCATED, NORMNET_ECHECKSUM and others.
        """
        return cls._create_as(host, library.normnet_model_load, _path(path))

    @classmethod
    def deserialize(cls, data: Any, **host: Any) -> Self:
        """Creates a model from the bytes of a file, see serialize() and load()."""
        data = _bytes(data)
        return cls._create_as(host, library.normnet_model_deserialize, data, len(data))

    def clone(self, **host: Any) -> Self:
        """Returns a copy that continues exactly as this model would.

        Keywords are fields of the host program; by default they are those of this model. ValueError for another field
        with another value than this model's.
        """
        return self._copy(library.normnet_model_clone, host)

    def clone_average(self, **host: Any) -> Self:
        """Returns a model with the average in place of the weights, to save, export or train: without momentum and an
        average of its own. Keywords as for clone(). NORMNET_ESTATE without an average, see average_decay."""
        return self._copy(library.normnet_model_clone_average, host)

    def _copy(self, create: Any, host: dict[str, Any]) -> Self:
        config = Config()
        self._call("model_config", config)
        fields = {name: getattr(config, name) for name in _SETTINGS + _CALLBACKS}
        fields["reduce"] = self._config.reducer or config.reduce
        return self._create_as({**fields, **host}, create, self._open(), original=self._config)

    def __getstate__(self) -> Any:
        """What a program or a subclass has added to this object, for copies: its __dict__ and its slots, or None."""
        added = _without_own(vars(self))
        names = copyreg._slotnames(type(self))  # type: ignore[attr-defined, unused-ignore]
        slots = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return (added, slots) if slots else added or None

    def _state_to_copy(self) -> Any:
        """What __getstate__() returns; that of a subclass may have everything."""
        state = self.__getstate__()
        return tuple(map(_without_own, state)) if isinstance(state, tuple) else _without_own(state)

    def _set_state(self, state: Any) -> Self:
        """Restores what __getstate__() returned, as pickle does."""
        if state is not None and hasattr(self, "__setstate__"):
            self.__setstate__(state)
        elif state is not None:
            added, slots = state if isinstance(state, tuple) else (state, {})
            vars(self).update(added)
            for name, value in slots.items():
                setattr(self, name, value)
        return self

    def __copy__(self) -> Self:
        return self.clone()._set_state(self._state_to_copy())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        clone = memo[id(self)] = self.clone()
        return clone._set_state(copy.deepcopy(self._state_to_copy(), memo))

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: a checkpoint, the settings of the host program and `reduce`, a Python function.

        NORMNET_ESTATE while gradients are pending. TypeError for a model with other callbacks.
        """
        config = Config()
        self._call("model_config", config)
        callbacks = [name for name in _CALLBACKS if getattr(config, name)]
        if config.reduce and not self._config.reducer:
            callbacks.append("reduce")
        if callbacks:
            raise TypeError(f"a model with {', '.join(callbacks)} cannot be pickled: addresses of this process")
        host = {name: getattr(config, name) for name in _SETTINGS}
        if self._config.reducer:
            host["reduce"] = self._config.reducer
        return _restore, (type(self), self.serialize(note=self.note or None), host), self._state_to_copy()

    def close(self) -> None:
        """Frees the model, at the latest when running calls return and the last of state_views() and
        gradient_view() is gone. Later calls raise NORMNET_EINVAL."""
        self._handle = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> _Handle:
        """The handle. NormnetError if the model has been closed."""
        handle = self._handle
        if handle is None:
            raise NormnetError(Status.EINVAL, "NORMNET_EINVAL", "the model has been closed")
        return handle

    def _call(self, name: str, *arguments: Any) -> None:
        handle = self._open()
        self._config.failure = None
        try:
            _check(getattr(library, "normnet_" + name)(handle, *arguments))
        except NormnetError as error:
            raise error from self._config.failure

    # -- description

    def __repr__(self) -> str:
        if self._handle is None:
            return f"{type(self).__name__}(closed)"
        config, layers = self.config, self.layers()
        lines = [f"{type(self).__name__}(norm={Norm(config.norm).name.lower()!r}, images {config.channels} x"
                 f" {config.height} x {config.width}, {config.classes} classes, {self.parameter_count:,} parameters,"
                 f" step {self.steps_taken:,}"]
        columns = [(f"({index})", layer.token, layer.module) for index, layer in enumerate(layers)]
        widths = [max(map(len, column)) for column in zip(*columns)]
        for row, shape in zip(columns, self._output_shapes()):
            cells = [f"{cell:{width}}" for cell, width in zip(row, widths)]
            lines.append("  " + "  ".join([*cells, " x ".join(map(str, shape))]))
        return "\n".join(lines) + "\n)"

    @property
    def config(self) -> SimpleNamespace:
        """The configuration of the model: a namespace with the fields of normnet_config, except the callbacks."""
        config = Config()
        self._call("model_config", config)
        plain = SimpleNamespace(**_plain(config))
        for name in ("input_mean", "input_std"):
            pointer = getattr(config, name)
            setattr(plain, name, pointer[:config.channels] if pointer else None)
        for name in ("allocate", "deallocate", "allocator_user", "reduce", "reduce_user", "parallel_for",
                     "parallel_user"):
            delattr(plain, name)
        return plain

    @property
    def cpu_name(self) -> str:
        """The instruction set in use, e.g. "avx2"."""
        return str(library.normnet_cpu_name(self._open()).decode())

    @property
    def parameter_count(self) -> int:
        """The number of trainable parameters."""
        return int(library.normnet_parameter_count(self._open()))

    def summary(self) -> str:
        """Returns the table of the layers, and warnings about norms that cannot learn, as a string."""
        size = library.normnet_model_summary(self._open(), None, 0) + 1
        text = ctypes.create_string_buffer(size)
        library.normnet_model_summary(self._open(), text, size)
        return text.value.decode()

    def layers(self) -> list[Layer]:
        """Returns one namespace per layer with the fields of normnet_layer_info: channels, height, width,
        receptive_field (pixels), parameters, multiply_adds (per image), token and module."""
        infos = [LayerInfo() for _ in range(library.normnet_layer_count(self._open()))]
        for index, info in enumerate(infos):
            self._call("layer", index, info)
        return [Layer(**_plain(info)) for info in infos]

    @property
    def steps_taken(self) -> int:
        """The number of training steps, including those before a checkpoint."""
        return int(library.normnet_steps_taken(self._open()))

    @property
    def note(self) -> str:
        """The note of the file that the model was loaded from, or ""."""
        return str(library.normnet_model_note(self._open()).decode())

    # -- files

    def save(self, path: Path, kind: str | int = "checkpoint", note: str | bytes | None = None) -> None:
        """Writes the model to a file, which appears complete or not at all.

        kind: "checkpoint" (default), to resume training with the same bits, or "weights", the state_dict of the
            equivalent torch.nn.Sequential as safetensors.
        note: text of up to 65,536 bytes in UTF-8, see the property `note`.
        Errors: NORMNET_EIO; NORMNET_ESTATE for a checkpoint while gradients are pending.
        """
        self._call("model_save", _path(path), _save_options(kind, note))

    def serialize(self, kind: str | int = "checkpoint", note: str | bytes | None = None) -> bytes:
        """Returns the bytes of the file that save() would write."""
        needed, options = c_int64(), _save_options(kind, note)
        self._call("model_serialize", None, 0, byref(needed), options)
        data = ctypes.create_string_buffer(needed.value)
        self._call("model_serialize", data, needed.value, byref(needed), options)
        return data.raw

    def load_weights(self, path: Path) -> None:
        """Replaces the weights and running statistics with those from a file: a checkpoint, weights, or safetensors of
        a state_dict from PyTorch, in any type and with any common prefix. NORMNET_EMISMATCH if a name or shape
        differs."""
        self._call("load_weights", _path(path))

    def deserialize_weights(self, data: Any) -> None:
        """Does the same as load_weights() with the bytes of a file."""
        data = _bytes(data)
        self._call("deserialize_weights", data, len(data))

    def export_onnx(self, path: Path) -> None:
        """Writes the network in evaluation mode as an ONNX graph (opset 17).

        Its input is `images`, float32 N x channels x height x width, and its output `logits`, float32 N x classes.
        """
        self._call("model_export_onnx", _path(path))

    # -- state

    def _states(self) -> list[StateInfo]:
        infos = [StateInfo() for _ in range(library.normnet_state_count(self._open()))]
        for index, info in enumerate(infos):
            self._call("state", index, info)
        return infos

    def state_dict(self, weights: str | int = "current") -> dict[str, Array]:
        """Returns the weights and running statistics as a dict of float32 and int64 arrays, with the names, shapes and
        order of the state_dict of the equivalent torch.nn.Sequential.

        weights: "current" (default), or "average" for their average, see average_decay. NORMNET_ESTATE without one.
        """
        return {name: view.copy() for name, view in self.state_views(weights).items()}

    def state_views(self, weights: str | int = "current") -> dict[str, Array]:
        """Returns the arrays of state_dict() as they are in the memory of the model, without copies and read-only.

        They show what the model has at any time, so read them while no call changes it. They are valid as long as they
        exist: each keeps the memory of the model from being freed, after close() too.
        """
        handle, average = self._open(), _member(Weights, weights, "weights") == Weights.AVERAGE
        if average and not self.config.average_decay:
            raise NormnetError(Status.ESTATE, "NORMNET_ESTATE", "the model keeps no average: average_decay is 0")
        return {info.name.decode(): _entry(handle, info, info.average if average else info.data)
                for info in self._states()}

    def set_state(self, name: str, array: Data) -> None:
        """Replaces one entry of the state. NORMNET_EMISMATCH for another name or shape, NORMNET_EVALUE for a value that
        is not finite."""
        self._call("set_state", _text(name, "name"), _tensor(array, name))

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Keys:
        """Replaces the state by that of a dict: arrays with the names, shapes and dtypes of state_dict().

        NORMNET_EMISMATCH if an entry is missing or unexpected, which strict=False allows. As in PyTorch,
        num_batches_tracked may be missing; then it is kept. Returns a namespace with the lists missing_keys and
        unexpected_keys. After an error, nothing has changed.
        """
        if not hasattr(state, "keys"):
            raise TypeError(f"state is of type {type(state).__name__}; expected a dict of arrays")
        names = [info.name.decode() for info in self._states()]
        missing = [name for name in names if name not in state and not name.endswith(".num_batches_tracked")]
        unexpected = [name for name in state if name not in names]
        if strict and (missing or unexpected):
            parts = [f"{word} keys: {', '.join(map(repr, keys))}"
                     for word, keys in (("missing", missing), ("unexpected", unexpected)) if keys]
            raise NormnetError(Status.EMISMATCH, "NORMNET_EMISMATCH", "; ".join(parts))
        tensors = [(_text(name, "name"), _tensor(state[name], name)) for name in names if name in state]
        with self.clone(max_batch=1, threads=1, readers=1) as trial:  # so that what fails, fails there
            for tensor in tensors:
                trial._call("set_state", *tensor)
        for tensor in tensors:
            self._call("set_state", *tensor)
        return Keys(missing_keys=missing, unexpected_keys=unexpected)

    def set_parameters(self, values: Data) -> None:
        """Replaces all parameters by one array of parameter_count values in the order of state_dict(). NORMNET_EVALUE
        for a value that is not finite."""
        values = numpy.ascontiguousarray(_tensor(values, "values", _PARAMETERS).array)
        self._call("set_parameters", values.ctypes.data_as(POINTER(c_float)), values.size)

    def split(self, values: Array) -> dict[str, Array]:
        """Returns a dict of views into an array of parameter_count values, such as gradients(), with the names and
        shapes of the parameters."""
        if numpy.shape(values) != (self.parameter_count,):
            raise ValueError(f"the shape of values is {numpy.shape(values)}; expected ({self.parameter_count},)")
        parts, first = {}, 0
        for info in self._states():
            if info.trained:
                shape = tuple(info.shape[:info.rank])
                count = int(numpy.prod(shape, dtype=numpy.int64))
                parts[info.name.decode()] = values[first:first + count].reshape(shape)
                first += count
        return parts

    # -- training

    def train_step(self, images: Data, labels: Data) -> Results:
        """One step of SGD on a batch of 1 to max_batch images.

        Returns a namespace with the fields of normnet_metrics: loss (mean per image, without penalty), penalty, count
        and correct (images), step, lr, momentum and gradient_norm.
        Errors: NORMNET_ELABEL, NORMNET_EVALUE (a value that is not finite), NORMNET_EINVAL (a wrong shape, or batch
        norm over a single value per channel), NORMNET_ESTATE (after the last step of a one-cycle schedule).
        """
        metrics = Metrics()
        self._call("train_step", _images(images), _labels(labels), metrics)
        return Results(**_plain(metrics))

    def fit(self, images: Data, labels: Data, epochs: int = 1, batch_size: int | None = None,
            validation: tuple[Data, Data] | None = None, seed: int | None = None, history: list[Epoch] | None = None,
            progress: bool | None = None) -> list[Epoch]:
        """Trains on a data set: train_step() for each batch of each epoch, in a new random order each time.

        epochs: how often each image is used.
        batch_size: images per step, 1 to max_batch, which is the default. The last batch of an epoch may be smaller.
        validation: images and labels to evaluate() after each epoch, as a pair.
        seed: of the order; by default the seed of the model. The order of an epoch depends on it, on the number of
            images and on the step at which the epoch begins, so that two calls of one epoch do the same as one call
            of two, also if the model is saved and loaded in between.
        history: a list to add the epochs to; if fit() fails or is interrupted, the list has those that were complete,
            and the model is as the last step left it.
        progress: whether to show the progress and the time left, if tqdm is installed; by default (None) on terminals
            and in notebooks.

        Returns the history: an Epoch for each epoch.

        Everything is checked before the first step: ValueError for a one-cycle schedule with too few steps left and for
        a last batch of an epoch that is too small for batch norm, NORMNET_ELABEL for a wrong label, NORMNET_EVALUE for
        a pixel that is not finite, ... Later errors are those of train_step() that depend on the training.
        """
        config, taken = self.config, self.steps_taken
        images, labels = _data_set(images, labels, config)
        epochs = _integer(epochs, "epochs")
        if epochs < 1:
            raise ValueError(f"epochs is {epochs}; expected at least 1")
        size = config.max_batch if batch_size is None else _integer(batch_size, "batch_size")
        if not 1 <= size <= config.max_batch:
            raise ValueError(f"batch_size is {size}; expected 1 to {config.max_batch}, the max_batch of the model")
        seed = config.seed if seed is None else _integer(seed, "seed")
        steps = epochs * -(-len(labels) // size)
        if config.schedule == Schedule.ONE_CYCLE and taken + steps > config.total_steps:
            raise ValueError(f"fit() takes {steps} steps, and the one-cycle schedule has {config.total_steps - taken}"
                             f" left: create the model with total_steps={taken + steps}")
        if not isinstance(history, (list, type(None))):
            raise TypeError(f"history is of type {type(history).__name__}; expected a list")
        if validation is not None:
            test_images, test_labels = _pair(validation, "validation", "images and labels")
            validation = _data_set(test_images, test_labels, config, "validation ")
        self._check_last_batch(images, labels, size)
        history = [] if history is None else history
        validated: dict[str, Any] = {"validation_loss": None, "validation_accuracy": None}
        bar = _progress(steps, progress)
        try:
            for epoch in range(epochs):
                accuracy = validated["validation_accuracy"]
                bar.set_description(f"epoch {epoch + 1} of {epochs}"
                                    + (f", validation accuracy {accuracy:.2%}" if accuracy is not None else ""))
                trained = self._train_epoch(images, labels, size, seed, bar)
                if validation is not None:
                    metrics = self.evaluate(*validation)
                    validated = {"validation_loss": metrics.loss,
                                 "validation_accuracy": metrics.correct / metrics.count}
                history.append(Epoch(epoch=len(history) + 1, **trained, **validated))
        finally:
            bar.close()
        return history

    def _check_last_batch(self, images: Array, labels: Array, size: int) -> None:
        """ValueError if the last batch of an epoch, which may have one image, is too small for batch norm's statistics.

        Evaluation with the statistics of a batch has the same limit, and changes nothing. With `reduce`, the images of
        other ranks count, too.
        """
        count = len(labels) % size or size
        if self._config.reduce:
            return
        try:
            Model.evaluate(self, images[:count], labels[:count], statistics="batch")
        except NormnetError as error:
            if error.status == Status.EINVAL:
                raise ValueError(f"{len(labels)} images in batches of {size} end with a batch of {count}:"
                                 f" {error.message}; choose another batch_size") from None

    def _train_epoch(self, images: Array, labels: Array, size: int, seed: int, bar: Any) -> dict[str, Any]:
        """Trains on each image once, and returns what the history says about it."""
        order = epoch_order(len(labels), seed, self.steps_taken)
        loss, correct, count = 0.0, 0, 0
        for first in range(0, len(order), size):
            chosen = order[first:first + size]
            metrics = self.train_step(images[chosen], labels[chosen])
            loss, correct, count = loss + metrics.loss * metrics.count, correct + metrics.correct, count + metrics.count
            bar.set_postfix_str(f"loss {loss / count:.4f}, accuracy {correct / count:.2%}", refresh=False)
            bar.update(1)
        return {"step": metrics.step, "lr": metrics.lr, "loss": loss / count, "accuracy": correct / count}

    def compute_gradients(self, images: Data, labels: Data, first_sample: int = 0, images_in_all: int = 0) -> Results:
        """Adds the gradient of the loss, summed over the images, to the gradients of the model; returns metrics.

        Several calls followed by apply_gradients() are one step on a larger batch. first_sample is the index of the
        first image in that batch, images_in_all [0 = unknown] the number of its images. If both are 0, the images
        follow those of the calls before. Errors as train_step().
        """
        metrics = Metrics()
        batch = Batch(first_sample=_integer(first_sample, "first_sample"),
                      images_in_all=_integer(images_in_all, "images_in_all"))
        self._call("compute_gradients", _images(images), _labels(labels), batch, metrics)
        return Results(**_plain(metrics))

    def gradients(self) -> NDArray[numpy.float64]:
        """Returns the pending gradients: float64, parameter_count values in the order of the parameters."""
        return self.gradient_view().copy()

    def gradient_view(self) -> NDArray[numpy.float64]:
        """Returns the array of gradients() as it is in the memory of the model, without a copy, to be changed in place:
        the sum over several machines can be received into it, e.g. by torch.from_numpy() or MPI.

        It is always at the same place, shows what the model has (0 where nothing is pending), and is valid as long as
        it exists: it keeps the memory of the model from being freed, after close() too. Use it between
        compute_gradients() and apply_gradients(), not during a call.
        """
        handle, values, count = self._open(), _DOUBLE(), c_int64()
        self._call("gradients", byref(values), byref(count))
        address = ctypes.cast(values, c_void_p).value or 0
        return numpy.asarray(_Memory(handle, address, (count.value,), "f8", False))

    def set_gradients(self, values: Data) -> None:
        """Replaces the pending gradients, for example by their sum over several machines. NORMNET_EVALUE for a value
        that is not finite."""
        values, gradients = _converted(_array(values, "values"), "values", _GRADIENTS), self.gradient_view()
        if values.shape != gradients.shape:
            raise ValueError(f"the shape of values is {values.shape}; expected {gradients.shape}")
        _check_finite(values, "values")
        gradients[:] = values

    def apply_gradients(self, images_in_all: int) -> None:
        """Divides the pending gradients by images_in_all, adds l1 and l2, clips, and updates the weights.
        NORMNET_ESTATE if none are pending."""
        self._call("apply_gradients", _integer(images_in_all, "images_in_all"))

    def discard_gradients(self) -> None:
        """Discards the pending gradients and the update of the running statistics computed with them."""
        self._call("discard_gradients")

    def set_learning_rate(self, lr: float, momentum: float) -> None:
        """Sets both from the next step on. NORMNET_ESTATE unless the schedule is constant."""
        self._call("set_learning_rate", _number(lr, "lr"), _number(momentum, "momentum"))

    def update_statistics(self, images: Data, reset: bool) -> None:
        """Recomputes batch norm's running statistics, as torch.optim.swa_utils.update_bn does: averages over all calls
        since the last one with `reset`, of up to max_batch images each."""
        self._call("update_statistics", _images(images), bool(reset))

    def update_average_statistics(self, images: Data, reset: bool) -> None:
        """Does the same for the statistics of the averaged weights. NORMNET_ESTATE without an average."""
        self._call("update_average_statistics", _images(images), bool(reset))

    # -- prediction

    def evaluate(self, images: Data, labels: Data, statistics: str | int = "running", confusion: bool = False,
                 weights: str | int = "current") -> Results:
        """Returns the metrics of one or more images in evaluation mode: loss (mean per image), count and correct.

        statistics: those of batch norm, "running" (default) or "batch", which are of these images, up to max_batch.
        confusion: also return the field confusion, an int64 array classes x classes of counts, row = label, column =
            prediction.
        weights: "current" (default), or "average" for their average, see average_decay. NORMNET_ESTATE without one.
        """
        metrics = Metrics()
        counts = numpy.zeros((self._classes,) * 2, numpy.int64) if confusion else None
        pointer = None if counts is None else counts.ctypes.data_as(_INT64)
        options = _options("probabilities", statistics, weights)
        self._call("evaluate", _images(images), _labels(labels), metrics, pointer, options)
        results = Results(**_plain(metrics))
        if counts is not None:
            results.confusion = counts
        return results

    def predict(self, images: Data, scores: str | int = "probabilities", statistics: str | int = "running",
                weights: str | int = "current",
                out: tuple[Floats | None, Array | None] | None = None
                ) -> tuple[Floats, Array]:
        """Returns the scores (float32, N x classes) and the predicted classes (int64, N) of one or more images.

        scores: "probabilities" (default), "log_probabilities" or "logits". statistics, weights: as for evaluate().
        out: a pair of arrays to write these to and return: float32, N x classes, of any strides, and uint8, int32 or
            int64, N. Either may be None for a new one.
        """
        handle = self._open()
        try:
            slots = handle.slots.pop()
        except IndexError:  # the first call, or all are in use by other threads
            slots = _Slot(), _Slot(), _Slot()
        image_slot, score_slot, class_slot = slots
        array, image_tensor = _describe(images, "images", _IMAGES, image_slot.view)
        values, classes = (None, None) if out is None else _pair(out, "out", "arrays")
        if values is None:
            values = numpy.empty((*array.shape[:1], self._classes), numpy.float32)
            score_tensor = score_slot.view(values)
        else:
            score_tensor = _output(values, "out[0]", (2,), "float32", score_slot.view)
        if classes is None:
            classes = numpy.empty(array.shape[:1], numpy.int64)
            class_tensor = class_slot.view(classes)
        else:
            class_tensor = _output(classes, "out[1]", (1, 3, 4), "uint8, int32 or int64", class_slot.view)
        # Not by _call(): a prediction calls no function of the program whose exception could be the cause.
        _check(library.normnet_predict(handle, image_tensor, score_tensor, class_tensor,
                                       _options(scores, statistics, weights)))
        handle.slots.append(slots)  # of a failed call, they are lost, and the next one makes others
        return values, classes

    def layer_output(self, images: Data, layer: int, statistics: str | int = "running",
                     weights: str | int = "current", out: Floats | None = None
                     ) -> Floats:
        """Returns the output of layer number `layer`, counted from 0, in evaluation mode.

        It is float32, N x channels x height x width, or N x features after flatten. IndexError for a missing layer.
        out: an array of this shape, of any strides, to write it to and return.
        """
        images, shapes, layer = _images(images), self._output_shapes(), _integer(layer, "layer")
        if not 0 <= layer < len(shapes):
            raise IndexError(f"layer is {layer}; expected 0 to {len(shapes) - 1}")
        if out is None:
            out = numpy.empty((images.shape[0], *shapes[layer]), numpy.float32)
            tensor = _view(out)
        else:
            tensor = _output(out, "out", (2,), "float32")
        self._call("layer_output", images, layer, tensor, _options("probabilities", statistics, weights))
        return out

    def _output_shapes(self) -> list[tuple[int, ...]]:
        """The shape of each layer's output for one image, which never changes."""
        handle = self._open()
        if not handle.shapes:
            shapes: list[tuple[int, ...]] = []
            flat = False
            for layer in self.layers():
                flat = flat or layer.module == "Flatten"
                shapes.append((layer.channels,) if flat else (layer.channels, layer.height, layer.width))
            handle.shapes = shapes
        return handle.shapes


# ---- Pure functions --------------------------------------------------------------------------------


def version() -> str:
    """The version of the library, e.g. "0.9.0"."""
    return str(library.normnet_version().decode())


def one_cycle_lr(step: int, **config: Any) -> tuple[float, float]:
    """Returns (lr, momentum) of step `step`, counted from 0, under the one-cycle schedule of the keywords (total_steps,
    max_lr, ...). NORMNET_ESTATE for a step of total_steps or more, NORMNET_EINVAL for a negative one."""
    lr, momentum = c_double(), c_double()
    _check(library.normnet_one_cycle_lr(_config("none", config), _integer(step, "step"), byref(lr), byref(momentum)))
    return lr.value, momentum.value


def step_lr(step: int, **config: Any) -> tuple[float, float]:
    """Returns (lr, momentum) of step `step`, counted from 0, under the step schedule of the keywords."""
    lr, momentum = c_double(), c_double()
    _check(library.normnet_step_lr(_config("none", config), _integer(step, "step"), byref(lr), byref(momentum)))
    return lr.value, momentum.value


def epoch_order(count: int, seed: int, step: int) -> NDArray[Any]:
    """Returns the order in which fit() takes `count` images in the epoch that begins at step `step` of the model, as an
    array of indices: for programs that train in their own loop, such as several processes, and want fit()'s weights.
    seed: of fit(), which is the model's by default."""
    numbers = _integer(seed, "seed"), _integer(step, "step")
    words = [number >> shift & 0xffffffff for number in numbers for shift in (0, 32)]
    # RandomState's numbers never change.
    return numpy.random.RandomState(words).permutation(_integer(count, "count"))


def shard(images: int, ranks: int, rank: int) -> tuple[int, int]:
    """Returns (first, count): the images first, ..., first + count - 1 of a batch of `images` are those of the process
    `rank`, from 0, of `ranks` processes."""
    first, count = c_int64(), c_int64()
    _check(library.normnet_shard(_integer(images, "images"), _integer(ranks, "ranks", c_int32),
                                 _integer(rank, "rank", c_int32), byref(first), byref(count)))
    return first.value, count.value
