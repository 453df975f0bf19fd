# SPDX-License-Identifier: MIT
"""The PyTorch network and training step that a normnet configuration describes.

Written from the documentation of normnet.h alone, so that it can disagree with the library.
"""
import re

import torch
from torch import nn
from torch.nn import functional

#: The network of an architecture of NULL.
DEFAULT = ("conv3-8 relu norm dropout conv3-16 relu norm dropout maxpool2 conv1-8 conv3-16 relu norm dropout"
           " conv3-16 relu norm dropout conv3-16 relu norm dropout gap conv1-16 relu norm dropout conv1-10")


class Ghost:
    """A batch norm over virtual batches, whose statistics enter the running ones one after the other."""

    def __init__(self, features, virtual_batch, **options):
        super().__init__(features, **options)
        self.virtual_batch = virtual_batch

    def parts(self, x):
        groups = max(1, len(x) // self.virtual_batch)
        sizes = [self.virtual_batch] * (groups - 1)
        return x.split(sizes + [len(x) - sum(sizes)])

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        return torch.cat([super(Ghost, self).forward(part) for part in self.parts(x)])


class GhostBatchNorm1d(Ghost, nn.BatchNorm1d):
    pass


class GhostBatchNorm2d(Ghost, nn.BatchNorm2d):
    pass


class ChannelRMSNorm(nn.RMSNorm):
    """RMS norm over a whole sample with a weight per channel, which nn.RMSNorm has per element only."""

    def __init__(self, channels, eps):
        super().__init__(channels, eps)

    def forward(self, x):
        return functional.rms_norm(x, x.shape[1:], None, self.eps) * self.weight[:, None, None]


def normalization(shape, norm, *, groups=0, layer_dims=3, affine="default", eps=1e-5, batchnorm_momentum=0.1,
                  cumulative_statistics=0, virtual_batch=0, **_):
    """The module that normalizes activations of `shape`, which is (C, H, W), or (F,) after flatten."""
    channels, shared = shape[0], affine in ("default", "channel")
    if norm == "none":
        return nn.Identity()
    if norm == "batch":
        options = {"eps": eps, "affine": shared, "momentum": None if cumulative_statistics else batchnorm_momentum}
        if virtual_batch:
            return (GhostBatchNorm2d if len(shape) == 3 else GhostBatchNorm1d)(channels, virtual_batch, **options)
        return (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(channels, **options)
    if norm == "layer" and (layer_dims < 3 or affine == "element" or len(shape) == 1):
        affine_elements = affine == "element" or (shared and (layer_dims == 3 or len(shape) == 1))
        return nn.LayerNorm(shape[-min(layer_dims, len(shape)):], eps, elementwise_affine=affine_elements)
    if norm == "rms" and shared and len(shape) == 3:
        return ChannelRMSNorm(channels, eps)
    if norm == "rms":
        return nn.RMSNorm(shape, eps, elementwise_affine=affine != "none")
    groups = {"group": groups or channels // 4, "layer": 1, "instance": channels}[norm]
    return nn.GroupNorm(groups, channels, eps, affine=shared)


SPELLED_NORMS = {"batchnorm": "batch", "groupnorm": "group", "layernorm": "layer", "instancenorm": "instance",
                 "rmsnorm": "rms"}


def layer(token, shape, norm, dropout=0.03, **options):
    """The module of one token of an architecture, for activations of `shape`."""
    def match(pattern):
        return re.fullmatch(pattern, token)

    if token in ("relu", "flatten", "gap"):
        return {"relu": nn.ReLU, "flatten": nn.Flatten, "gap": lambda: nn.AdaptiveAvgPool2d(1)}[token]()
    if found := match(r"leakyrelu([\d.]*)"):
        return nn.LeakyReLU(float(found[1]) if found[1] else 0.01)
    if token == "norm":
        return normalization(shape, norm, **options)
    if found := match(r"(batchnorm|groupnorm|layernorm|instancenorm|rmsnorm)(\d*)"):
        groups = {"groups": int(found[2])} if found[2] else {}
        return normalization(shape, SPELLED_NORMS[found[1]], **{**options, **groups})
    if found := match(r"dropout([\d.]*)"):
        return nn.Dropout(float(found[1]) if found[1] else dropout)
    if found := match(r"(max|avg)pool(\d+)"):
        return (nn.MaxPool2d if found[1] == "max" else nn.AvgPool2d)(int(found[2]))
    if found := match(r"fc-(\d+)(b?)"):
        return nn.Linear(shape[0], int(found[1]), bias=bool(found[2]))
    if found := match(r"conv(\d+)-(\d+)((?:s\d+|p\d+|b)*)"):
        stride, padding = (re.search(letter + r"(\d+)", found[3]) for letter in "sp")
        return nn.Conv2d(shape[0], int(found[2]), int(found[1]), stride=int(stride[1]) if stride else 1,
                         padding=int(padding[1]) if padding else 0, bias="b" in found[3])
    raise ValueError(f"unknown token {token!r}")


def build(architecture=None, norm="none", channels=1, height=28, width=28, classes=10, **options):
    """The torch.nn.Sequential of an architecture string. `options` are the fields of normnet_config."""
    del classes  # as many as the last layer has outputs
    modules, x = [], torch.zeros(2, channels, height, width)
    for token in (architecture or DEFAULT).split():
        module = layer(token, tuple(x.shape[1:]), norm, **options)
        x = module.eval()(x)
        modules.append(module)
    return nn.Sequential(*modules).train()


def parameter_count(network):
    return sum(parameter.numel() for parameter in network.parameters())


class Trainer:
    """Stochastic gradient descent on a network with the hyper-parameters of a normnet_config."""

    def __init__(self, network, *, schedule="constant", lr=0.01, momentum=0.9, dampening=0.0, nesterov=0, l1=0.0,
                 l2=0.0, penalty_on="all", label_smoothing=0.0, clip_norm=0.0, step_size=1, step_gamma=0.1,
                 total_steps=0, max_lr=0.015, anneal="cosine", three_phase=0, cycle_momentum=1, base_momentum=0.85,
                 max_momentum=0.95, pct_start=0.3, div_factor=25.0, final_div_factor=1e4):
        self.network, self.label_smoothing = network, label_smoothing
        self.l1, self.l2, self.clip_norm = l1, l2, clip_norm
        weights = [module.weight for module in network if isinstance(module, (nn.Conv2d, nn.Linear))]
        self.penalized = list(network.parameters()) if penalty_on == "all" else weights
        chosen = {id(parameter) for parameter in self.penalized}
        spared = [parameter for parameter in network.parameters() if id(parameter) not in chosen]
        self.optimizer = torch.optim.SGD(
            [{"params": self.penalized, "weight_decay": l2}, {"params": spared, "weight_decay": 0.0}],
            lr=lr, momentum=momentum, dampening=dampening, nesterov=bool(nesterov))
        self.scheduler = None
        if schedule == "step":
            self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size, step_gamma)
        elif schedule == "one_cycle":
            self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
                self.optimizer, max_lr, total_steps=total_steps, pct_start=float(pct_start),
                anneal_strategy={"cosine": "cos", "linear": "linear"}[anneal], cycle_momentum=bool(cycle_momentum),
                base_momentum=base_momentum, max_momentum=max_momentum, div_factor=div_factor,
                final_div_factor=final_div_factor, three_phase=bool(three_phase))

    def loss(self, logits, labels):
        return functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)

    def gradients(self, images, labels):
        """The first half of a step: the mean data loss, the logits, and the gradients of the former by name."""
        self.network.train()
        self.optimizer.zero_grad()
        logits = self.network(images).flatten(1)
        loss = self.loss(logits, labels)
        loss.backward()
        gradients = {name: parameter.grad.clone() for name, parameter in self.network.named_parameters()}
        return loss.detach(), logits.detach(), gradients

    def update(self):
        """The second half: penalty, clipping, update, schedule. Returns the fields of normnet_metrics."""
        l1_term = self.l1 * sum(parameter.abs().sum() for parameter in self.penalized)
        if self.l1:
            l1_term.backward()  # adds to the gradient of the data loss, as if it were part of the loss
        l1_term = l1_term.detach()
        with torch.no_grad():
            l2_term = self.l2 / 2 * sum((parameter ** 2).sum() for parameter in self.penalized)
            weight_decay = {id(parameter): self.l2 for parameter in self.penalized}
            total = sum(((parameter.grad + weight_decay.get(id(parameter), 0.0) * parameter) ** 2).sum()
                        for parameter in self.network.parameters()) ** 0.5
            if self.clip_norm and total > self.clip_norm:
                # normnet clips what SGD descends along, weight decay included
                for parameter in self.network.parameters():
                    decay = weight_decay.get(id(parameter), 0.0) * parameter
                    parameter.grad = (parameter.grad + decay) * (self.clip_norm / total) - decay
        group = self.optimizer.param_groups[0]
        said = {"lr": group["lr"], "momentum": group["momentum"], "penalty": float(l1_term + l2_term),
                "gradient_norm": float(total)}
        self.optimizer.step()
        if self.scheduler:
            self.scheduler.step()
        return said


# ---- Inputs that show errors -----------------------------------------------------------------------

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


def inputs_of(network, images, kinds):
    """What reaches the modules of the given kinds in training mode, with their indices. Statistics stay as they are."""
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    x = images
    try:
        for index, module in enumerate(network):
            if isinstance(module, kinds):
                yield index, x
            with torch.no_grad():
                x = module(x)
    finally:
        for name, buffer in network.named_buffers():
            buffer.copy_(before[name])


def decisions(network, reached):
    """The ReLU masks and pool winners, by index, that follow from what reaches them."""
    return {index: x > 0 if isinstance(network[index], nn.ReLU)
            else functional.max_pool2d(x, network[index].kernel_size, return_indices=True)[1]
            for index, x in reached}


def kink_distances(module, x):
    """How near ReLU and max pooling come to a tie, for each image."""
    if isinstance(module, nn.ReLU):
        distance = x.abs()
        distance[x == 0] = float("inf")  # sums of nothing but zeros are exact
    else:
        size = module.kernel_size
        windows = x.unfold(2, size, size).unfold(3, size, size).flatten(4)
        distance = windows.max(4, keepdim=True)[0] - windows
        distance[distance < 1e-13 * x.abs().max()] = float("inf")  # the winner, and exact ties: there the first wins
    return distance.flatten(1).min(1)[0]


def deviations(module, x):
    """The smallest standard deviation that a normalization divides by, for each image."""
    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        parts = module.parts(x) if isinstance(module, Ghost) else [x]
        smallest = [part.transpose(0, 1).flatten(1).std(1, unbiased=False).min() for part in parts]
        return torch.cat([deviation.expand(len(part)) for deviation, part in zip(smallest, parts)])
    if isinstance(module, nn.GroupNorm):
        runs = x.reshape(len(x), module.num_groups, -1)
    else:
        runs = x.reshape(len(x), -1, torch.Size(module.normalized_shape).numel())
    deviation = runs.std(2, unbiased=False)
    deviation[deviation < 1e-9] = float("inf")  # a run of equal values, such as the zeros of a dead ReLU
    return deviation.min(1)[0]


def draw_clear(network, draw, count, kink, deviation):
    """`draw(count)` images (float32 arrays) on which roundings have small effects; None if none are found.

    Relative to the usual size of what reaches a layer, none is nearer than `kink` to a place where the network has no
    derivative, and no normalization divides by a standard deviation below `deviation`. Images that fail are drawn
    again.
    """
    kinds = (nn.ReLU, nn.MaxPool2d) + NORMS
    together = any(isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) for module in network)  # one image changes all
    images, unsure, constant = draw(count), torch.arange(count), 0
    for _ in range(200):
        if constant * count > 200:
            return None  # it is the weights that leave a channel with next to no deviation
        suits = torch.ones(len(unsure), dtype=torch.bool)
        for index, x in inputs_of(network, torch.from_numpy(images[unsure.numpy()]).double(), kinds):
            usual, module = x.square().mean().sqrt(), network[index]
            if isinstance(module, NORMS):
                suits &= deviations(module, x) >= deviation * usual
                if together and not suits.all():
                    constant += 1
                    break
            else:
                suits &= kink_distances(module, x) >= kink * usual
                if together and not suits.all():
                    break
        unfit = unsure[~suits]
        if not len(unfit):
            return images
        images[unfit.numpy()] = draw(len(unfit))
        # Twice, for PyTorch does not normalize single values of a single image.
        unsure = torch.arange(count) if together else unfit.repeat(2) if len(unfit) == 1 else unfit
    return None
