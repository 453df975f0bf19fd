# SPDX-License-Identifier: MIT
"""ONNX Runtime with the network that PyTorch exports. Its data are floats, normalized beforehand."""
import io
import warnings

import numpy
import onnx  # noqa: F401 -- PyTorch's exporter needs it; if it is missing, fail here
import onnxruntime
import torch

import pytorch_contestant
from comparison import normalized
from race import Contestant

NAME = "ONNX Runtime"
BOUND = "ORT, bound"
OPSET = 17
PIECE = 16  # images per thread that an evaluation computes at a time; smaller pieces were no faster on average


def exported(case, state):
    """The network as the bytes of an ONNX file, for batches of any size."""
    network = pytorch_contestant.build(case, state).eval()
    example = torch.zeros(2, case.network.channels, case.network.height, case.network.width)
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The old exporter, which needs no other package.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(network, (example,), file, dynamo=False, opset_version=OPSET, input_names=["images"],
                          output_names=["scores"], dynamic_axes={"images": {0: "batch"}, "scores": {0: "batch"}})
    return file.getvalue()


def session(case, state):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = case.threads
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(exported(case, state), options, providers=["CPUExecutionProvider"])


def scores(running, images):
    return running.run(None, {"images": images})[0].reshape(len(images), -1)


def prediction(case, state, images):
    """One prediction of a batch per call."""
    running, images = session(case, state), normalized(images)

    def call():
        return scores(running, images)
    return Contestant(NAME, call, call)


def bound_prediction(case, state, images):
    """The same with input and output bound beforehand, so that little more than the call itself is timed."""
    running = session(case, state)
    binding = running.io_binding()
    binding.bind_cpu_input("images", normalized(images))
    binding.bind_output("scores", "cpu")

    def answer():
        running.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()[0].reshape(len(images), -1)
    return Contestant(BOUND, lambda: running.run_with_iobinding(binding), answer)


def evaluation(case, state, images, labels):
    """Loss and accuracy of all images per call."""
    running, images, labels = session(case, state), normalized(images), torch.from_numpy(labels).long()
    piece = PIECE * case.threads
    pieces = numpy.split(images, range(piece, len(images), piece))

    def call():
        logits = numpy.concatenate([scores(running, piece) for piece in pieces])
        return pytorch_contestant.loss_and_accuracy(torch.from_numpy(logits), labels)
    return Contestant(NAME, call, call)
