# SPDX-License-Identifier: MIT
"""The functions, enums and structs of examples/python/normnet.py against include/normnet.h."""
import ctypes
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import normnet

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include" / "normnet.h").read_text(encoding="utf-8")
TEXT = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)
STRUCTS = {"normnet_config": normnet.Config, "normnet_tensor": normnet.Tensor, "normnet_layer_info": normnet.LayerInfo,
           "normnet_state_info": normnet.StateInfo, "normnet_metrics": normnet.Metrics, "normnet_batch": normnet.Batch,
           "normnet_predict_options": normnet.Options, "normnet_save_options": normnet.SaveOptions}
ENUMS = {"status": normnet.Status, "norm": normnet.Norm, "affine": normnet.Affine, "penalty": normnet.Penalty,
         "schedule": normnet.Schedule, "anneal": normnet.Anneal, "cpu": normnet.Cpu, "dtype": normnet.Dtype,
         "scores": normnet.Scores, "statistics": normnet.Statistics, "weights": normnet.Weights,
         "file": normnet.File}


def ctype_of(declaration):
    """What ctypes calls a C type such as `const normnet_tensor *`."""
    words = declaration.replace("const", " ").replace("*", " * ").split()
    base, stars = words[0], words.count("*")
    plain = {"int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "double": ctypes.c_double, "float": ctypes.c_float,
             "normnet_status": ctypes.c_int32, "void": None, **STRUCTS}
    if base in ("normnet_model", "char"):
        result, stars = {"normnet_model": ctypes.c_void_p, "char": ctypes.c_char_p}[base], stars - 1
    else:
        result = plain[base]
    for _ in range(stars):
        result = ctypes.POINTER(result)
    return result


def test_every_function_has_the_types_of_the_header():
    declared = {}
    for result, name, arguments in re.findall(r"NORMNET_API\s+([\w\s*]+?)\s*(\bnormnet_\w+)\(([^)]*)\);", TEXT):
        types = [] if arguments.strip() == "void" else [re.sub(r"\w+\s*$", "", part) for part in arguments.split(",")]
        declared[name] = (ctype_of(result), [ctype_of(part) for part in types])
    assert len(declared) == len(re.findall(r"^NORMNET_API \w", TEXT, flags=re.M))
    assert normnet.FUNCTIONS == declared
    for name, (result, arguments) in declared.items():
        function = getattr(normnet.library, name)
        assert function.restype == result and function.argtypes == arguments


def test_every_enum_has_the_values_of_the_header():
    declared = {}
    for body, name in re.findall(r"typedef enum \w+ \{(.*?)\}\s*normnet_(\w+);", TEXT, flags=re.S):
        prefix = "NORMNET_" if name in ("status", "dtype") else f"NORMNET_{name.upper()}_"
        values = re.findall(r"(NORMNET_\w+)\s*=\s*(\d+)", body)
        declared[name] = {key[len(prefix):]: int(value) for key, value in values}
    assert {name: {member.name: int(member) for member in enum} for name, enum in ENUMS.items()} == declared


def test_every_struct_has_the_layout_of_the_compiler(tmp_path):
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler (cc) to ask for the layout of the structs")
    program = ["#include <normnet.h>", "#include <stdio.h>", "int main(void)", "{"]
    expected = []
    for name, struct in STRUCTS.items():
        program.append(f'printf("{name} %zu\\n", sizeof({name}));')
        expected.append(f"{name} {ctypes.sizeof(struct)}")
        for field, _ in struct._fields_:
            size = f"sizeof((({name} *)0)->{field})"
            program.append(f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), {size});')
            descriptor = getattr(struct, field)
            expected.append(f"{name}.{field} {descriptor.offset} {descriptor.size}")
    (tmp_path / "layout.c").write_text("\n".join(program + ["return 0;", "}", ""]))
    subprocess.run([compiler, "-I", str(ROOT / "include"), str(tmp_path / "layout.c"), "-o", str(tmp_path / "layout")],
                   check=True)
    done = subprocess.run([str(tmp_path / "layout")], check=True, stdout=subprocess.PIPE, universal_newlines=True)
    assert done.stdout.splitlines() == expected


def test_versions():
    numbers = [re.search(rf"NORMNET_VERSION_{part} (\d+)", HEADER)[1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert normnet.version() == ".".join(numbers)
    assert normnet.library.normnet_abi_version() == int(re.search(r"NORMNET_ABI_VERSION (\d+)", HEADER)[1])
    assert normnet.library.normnet_bits_version() == int(re.search(r"NORMNET_BITS_VERSION (\d+)", HEADER)[1])
