# SPDX-License-Identifier: MIT
"""ONNX files in runtimes besides ONNX Runtime, which is in test_exchange: OpenCV's two engines, tract and ncnn.

Each takes what it can for a pattern that it knows, and some patterns for others. All of them must give the logits of
normnet_predict().
"""
import importlib.util
import os
import subprocess
import sys

import cv2
import numpy
import pytest

import normnet
from comparison import LARGEST, error

NORMS = {"none": {}, "batch": {}, "batch.plain": {"affine": "none"}, "group": {}, "group.plain": {"affine": "none"},
         "instance": {}, "layer": {}, "layer.element": {"affine": "element"}, "layer.plain": {"affine": "none"},
         "layer2.element": {"affine": "element", "layer_dims": 2}, "layer2.plain": {"layer_dims": 2},
         "layer1.element": {"affine": "element", "layer_dims": 1}, "layer1.plain": {"layer_dims": 1},
         "rms": {}, "rms.element": {"affine": "element"}, "rms.plain": {"affine": "none"}}
#: Norms after a convolution, at the beginning, of features, and of single pixels.
NETWORKS = {"conv": {"architecture": "conv3-4 norm relu conv3-8 norm relu gap conv1-10"},
            "first": {"architecture": "norm conv3-4s2p1b leakyrelu0.1 norm avgpool2 conv3-8 gap flatten fc-10b",
                      "channels": 4, "height": 15, "width": 13},
            "flat": {"architecture": "conv3-4 relu dropout maxpool3 flatten fc-16 norm relu fc-10b"}}
CASES = {f"{network}-{name}": {"norm": name.split(".")[0].rstrip("12"), **NORMS[name], **NETWORKS[network]}
         for network in NETWORKS for name in NORMS if (network, name) != ("flat", "instance")}


#: pnnx, a program beside Python's.
CONVERTER = os.path.join(os.path.dirname(sys.executable), "pnnx")


def opencv(engine):
    def run(path, images):
        if engine is None:
            network = cv2.dnn.readNetFromONNX(str(path))
        elif hasattr(cv2.dnn, engine):
            network = cv2.dnn.readNetFromONNX(str(path), getattr(cv2.dnn, engine))
        else:
            pytest.skip(f"this OpenCV has no {engine}")
        network.setInput(images)
        return network.forward()
    return run


def tract(path, images):
    import tract
    model = tract.onnx().load(str(path))
    model.set_input_fact(0, ",".join(map(str, images.shape)) + ",f32")
    return model.into_model().into_runnable().run([images])[0].to_numpy()


def ncnn(path, images):
    """One image at a time: ncnn has no batches."""
    import ncnn
    parameters = path.with_suffix(".ncnn.param")
    if not parameters.exists():
        shape = ",".join(map(str, (1, *images.shape[1:])))
        subprocess.run([CONVERTER, path, f"inputshape=[{shape}]", "fp16=0"], check=True, stdout=subprocess.DEVNULL,
                       cwd=path.parent)
    assert "nn." not in parameters.read_text(), "a layer was not converted"  # ncnn would crash
    network = ncnn.Net()
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = False
    network.load_param(str(parameters))
    network.load_model(str(path.with_suffix(".ncnn.bin")))
    rows = []
    for image in images:
        extractor = network.create_extractor()
        extractor.input("in0", ncnn.Mat(image).clone())
        rows.append(numpy.array(extractor.extract("out0")[1]).reshape(-1))
    return numpy.stack(rows)


#: ncnn takes minutes, and its converter brings a gigabyte: tested where both are installed.
RUNTIMES = {"opencv": opencv(None), "opencv-classic": opencv("ENGINE_CLASSIC"), "opencv-new": opencv("ENGINE_NEW"),
            "tract": tract}
if importlib.util.find_spec("ncnn") and os.path.exists(CONVERTER):
    RUNTIMES["ncnn"] = ncnn


@pytest.mark.parametrize("run", RUNTIMES.values(), ids=RUNTIMES)
@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_runtimes_agree(options, run, tmp_path):
    random = numpy.random.default_rng(0)
    with normnet.Model(**options) as model:
        config = model.config
        images = random.random((20, config.channels, config.height, config.width), numpy.float32)
        labels = random.integers(0, 10, 20).astype(numpy.uint8)
        for _ in range(3):
            model.train_step(images, labels)
        model.export_onnx(tmp_path / "model.onnx")
        expected = model.predict(images, scores="logits")[0]
    for count in (1, 5):
        assert error(run(tmp_path / "model.onnx", images[:count]), expected[:count]) <= 4 * LARGEST
