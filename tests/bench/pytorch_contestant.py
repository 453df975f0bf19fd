# SPDX-License-Identifier: MIT
"""PyTorch in both of its memory formats, and compiled. Its data are floats, normalized beforehand."""
import contextlib
import itertools

import numpy
import torch
from torch.nn.functional import cross_entropy

import torch_network
from comparison import draw_state, normalized
from race import Contestant

FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
TRAINING = [f"{name}{suffix}" for name in FORMATS for suffix in ("", " fused")]
INFERENCE = list(FORMATS)
PIECE = 64  # images per thread that an evaluation computes at a time: the fastest of 8 to 2000


def build(case, state=None):
    network = torch_network.build(case.architecture, case.norm, **case.options)
    if state:
        network.load_state_dict({name: torch.from_numpy(numpy.asarray(array)) for name, array in state.items()})
    return network


def drawn_state(case):
    """Weights and running statistics for every contestant, as a dictionary of arrays."""
    arrays = {name: tensor.numpy() for name, tensor in build(case).state_dict().items()}
    return draw_state(numpy.random.default_rng(1), arrays, case.architecture)


@contextlib.contextmanager
def threads(count, mode=contextlib.nullcontext):
    torch.set_num_threads(count)
    with mode():
        yield


def tensors(images, labels, memory_format):
    return (torch.from_numpy(normalized(images)).contiguous(memory_format=memory_format),
            torch.from_numpy(labels).long())


# ---- Training


def training(case, state, batches, compiler):
    """Contestants that take one training step per call, with both implementations of SGD for the CPU."""
    network = build(case, state)
    eager = [trainer(f"{name}{' fused' if fused else ''}", case, build(case, state), batches, memory_format, fused)
             for name, memory_format in FORMATS.items() for fused in (False, True)]
    return eager + compiler.contestants(
        network, lambda name, forward: trainer(name, case, network, batches, torch.contiguous_format, True, forward))


def trainer(name, case, network, batches, memory_format, fused, forward=None):
    """A contestant that takes one training step per call. `forward` is the compiled network, if there is one."""
    network = network.to(memory_format=memory_format)
    data = [tensors(images, labels, memory_format) for images, labels in batches]
    step = training_step(network, forward or network, fused)
    turns = itertools.cycle(data)

    def answer():
        with torch.no_grad():
            logits = network.eval()(data[0][0]).flatten(1)
        network.train()
        return logits.numpy()
    return Contestant(name, lambda: step(*next(turns)), answer, lambda: threads(case.threads))


def training_step(network, forward, fused):
    """A function of images and labels: SGD with momentum and a one-cycle schedule."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, fused=fused or None)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.015, total_steps=10 ** 7)

    def step(images, labels):
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(forward(images).flatten(1), labels).backward()
        optimizer.step()
        schedule.step()
    return step


# ---- Inference


def prediction(case, state, images, compiler):
    """Contestants that predict one batch per call."""
    def predictor(name, network, memory_format=torch.contiguous_format):
        network = network.to(memory_format=memory_format)
        data, _ = tensors(images, numpy.zeros(len(images)), memory_format)

        def call():
            return network(data).flatten(1).numpy()
        return Contestant(name, call, call, lambda: threads(case.threads, torch.inference_mode))
    return inference(case, state, predictor, compiler)


def evaluation(case, state, images, labels, compiler):
    """Contestants that compute loss and accuracy of all images per call."""
    def evaluator(name, network, memory_format=torch.contiguous_format):
        network = network.to(memory_format=memory_format)
        data, truth = tensors(images, labels, memory_format)
        pieces = data.split(PIECE * case.threads)

        def call():
            return loss_and_accuracy(torch.cat([network(piece).flatten(1) for piece in pieces]), truth)
        return Contestant(name, call, call, lambda: threads(case.threads, torch.inference_mode))
    return inference(case, state, evaluator, compiler)


def inference(case, state, contestant, compiler):
    """The contestants for both memory formats, and compiled."""
    network = build(case, state).eval()
    eager = [contestant(name, build(case, state).eval(), memory_format) for name, memory_format in FORMATS.items()]
    return eager + compiler.contestants(network, contestant)


def loss_and_accuracy(logits, labels):
    correct = (logits.argmax(1) == labels).sum().item()
    return numpy.array([cross_entropy(logits, labels).item(), correct / len(labels)])
