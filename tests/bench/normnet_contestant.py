# SPDX-License-Identifier: MIT
"""normnet through its Python binding. Its data are bytes, which it normalizes itself."""
import itertools

import numpy

import normnet
from comparison import MEAN, STD
from race import Contestant

NAME = "normnet"


def build(case, state, module=normnet, **config):
    channels = case.network.channels
    model = module.Model(case.norm, architecture=case.architecture, threads=case.threads, cpu=case.cpu, memory_limit=0,
                          input_mean=[MEAN] * channels, input_std=[STD] * channels, **case.options, **config)
    model.load_state_dict(state)
    return model


def training(case, state, batches, module=normnet):
    """One training step per call."""
    model = build(case, state, module, schedule="one_cycle", total_steps=10 ** 7, max_batch=case.batch)
    turns = itertools.cycle(batches)
    return Contestant(NAME, lambda: model.train_step(*next(turns)),
                      lambda: model.predict(batches[0][0], scores="logits")[0])


def prediction(case, state, images, name=NAME, module=normnet, **options):
    """One prediction of a batch per call."""
    model = build(case, state, module)

    def call():
        return model.predict(images, scores="logits", **options)[0]
    return Contestant(name, call, call)


def evaluation(case, state, images, labels):
    """Loss and accuracy of all images per call."""
    model = build(case, state)

    def call():
        metrics = model.evaluate(images, labels)
        return numpy.array([metrics.loss, metrics.correct / metrics.count])
    return Contestant(NAME, call, call)
