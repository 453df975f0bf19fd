# SPDX-License-Identifier: MIT
"""The average of the weights against torch.optim.swa_utils.AveragedModel, its statistics against update_bn(), and its
files against PyTorch and ONNX Runtime.

PyTorch's networks are in float64, the truth, and in float32. After each step they get the weights that normnet has, so
that what is compared is the average and not two trajectories, which drift apart; one test compares those, too.
"""
import copy

import numpy
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
from torch.optim import swa_utils  # noqa: E402

import normnet  # noqa: E402
import torch_network  # noqa: E402
from comparison import FEW, LARGEST, NORMS, draw_images, draw_labels, error, normalized  # noqa: E402

torch.set_num_threads(1)
SHAPE = (1, 16, 16)
BATCH, STEPS = 12, 25
ROUNDING = 2.0 ** -24
#: decay and first step
AVERAGES = [(0.5, 0), (0.9, 0), (0.999, 4), (1.0, 0), (1.0, 7)]


def averaged_model(network, decay):
    average = swa_utils.get_swa_multi_avg_fn() if decay == 1 else swa_utils.get_ema_multi_avg_fn(decay)
    return swa_utils.AveragedModel(network, multi_avg_fn=average)


class Run:
    """A normnet model with an average, and the same network with an AveragedModel in both precisions."""

    def __init__(self, norm, decay, first, **settings):
        self.random, self.first = numpy.random.default_rng(5), first
        settings = {"lr": 0.05, **settings}
        network = torch_network.build(FEW, dropout=0.0, channels=1, height=16, width=16, **NORMS[norm])
        self.model = normnet.Model(architecture=FEW, height=16, width=16, max_batch=BATCH, dropout=0.0, threads=2,
                                   average_decay=decay, average_from=first, **NORMS[norm], **settings)
        self.trainers = [torch_network.Trainer(other, **settings) for other in (network, copy.deepcopy(network).double())]
        self.averages = [averaged_model(trainer.network, decay) for trainer in self.trainers]
        self.give_state()

    def give_state(self):
        for trainer in self.trainers:
            trainer.network.load_state_dict({name: torch.from_numpy(array)
                                             for name, array in self.model.state_dict().items()})

    def draw(self):
        return normalized(draw_images(self.random, BATCH, *SHAPE)), draw_labels(self.random, BATCH)

    def step(self, alone=False):
        images, labels = self.draw()
        self.model.train_step(images, labels)
        for trainer in self.trainers if alone else ():
            dtype = next(trainer.network.parameters()).dtype
            trainer.gradients(torch.from_numpy(images).to(dtype), torch.from_numpy(labels).long())
            trainer.update()
        if not alone:
            self.give_state()
        if self.model.steps_taken > self.first:
            for trainer, average in zip(self.trainers, self.averages):
                average.update_parameters(trainer.network)

    def states(self):
        """The averages: normnet's, PyTorch's in float32, and in float64."""
        return (self.model.state_dict(weights="average"),
                *({name: tensor.numpy() for name, tensor in average.module.state_dict().items()}
                  for average in self.averages))


@pytest.mark.parametrize("decay, first", AVERAGES)
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_average(norm, decay, first):
    run = Run(norm, decay, first)
    errors = []
    for step in range(STEPS):
        run.step()
        if step < first:
            assert all(numpy.array_equal(value, run.model.state_dict()[name])
                       for name, value in run.model.state_dict("average").items())
            continue
        ours, single, truth = run.states()
        assert list(ours) == list(truth)
        for name, expected in truth.items():
            if "running" in name or "batches" in name:
                assert numpy.array_equal(ours[name], single[name]), name
                continue
            scale = numpy.abs(expected).max()
            errors.append([numpy.abs(values[name] - expected).max() / scale for values in (ours, single)])
            # A rounding per step, of which the average forgets all but the last 1 / (1 - decay).
            assert errors[-1][0] <= (step - first + 1) * ROUNDING, (step, name)
    ours, single = numpy.mean(errors, axis=0)
    assert ours <= 1.25 * single


@pytest.mark.parametrize("decay, first", AVERAGES)
def test_average_of_a_trajectory(decay, first):
    run = Run("group", decay, first, l2=1e-3, nesterov=1)
    for _ in range(first + 6):
        run.step(alone=True)
    ours, single, truth = run.states()
    for name, expected in truth.items():
        assert error(ours[name], expected) <= max(LARGEST, 4 * error(single[name], expected)), name


@pytest.mark.parametrize("decay", [0.9, 1.0])
def test_statistics_and_evaluation(decay):
    run = Run("batch", decay, 0)
    for _ in range(STEPS):
        run.step()
    batches = [run.draw() for _ in range(3)]
    for index, (images, _) in enumerate(batches):
        run.model.update_average_statistics(images, reset=index == 0)
    for average in run.averages:
        dtype = next(average.parameters()).dtype
        # PyTorch starts from normnet's average: only the statistics are compared.
        average.module.load_state_dict({name: torch.from_numpy(value)
                                        for name, value in run.model.state_dict("average").items()})
        swa_utils.update_bn([torch.from_numpy(images).to(dtype) for images, _ in batches], average)
    ours, _, truth = run.states()
    for name, expected in truth.items():
        if name.endswith("num_batches_tracked"):
            assert ours[name] == expected == 3
        else:
            assert error(ours[name], expected) <= LARGEST, name
    images, labels = run.draw()
    network = run.averages[1].eval()
    with torch.no_grad():
        expected = network(torch.from_numpy(images).double()).flatten(1)
    logits, classes = run.model.predict(images, scores="logits", weights="average")
    assert error(logits, expected) <= LARGEST
    loss = torch.nn.functional.cross_entropy(expected, torch.from_numpy(labels).long())
    metrics = run.model.evaluate(images, labels, weights="average", confusion=True)
    assert metrics.loss == pytest.approx(float(loss), rel=1e-5)
    assert metrics.correct == (classes == labels).sum() == numpy.trace(metrics.confusion)
    assert metrics.loss != run.model.evaluate(images, labels).loss
    output = run.model.layer_output(images, len(run.model.layers()) - 1, weights="average")
    assert numpy.array_equal(output.reshape(logits.shape), logits)


def test_the_model_keeps_its_statistics():
    run = Run("batch", 0.9, 0)
    run.step()
    before = run.model.state_dict()
    run.model.update_average_statistics(run.draw()[0], reset=True)
    assert all(numpy.array_equal(value, before[name]) for name, value in run.model.state_dict().items())


def test_files_of_the_average(tmp_path):
    """PyTorch loads the averaged weights with strict=True, and ONNX Runtime computes with them."""
    load_file = pytest.importorskip("safetensors.torch").load_file
    onnxruntime = pytest.importorskip("onnxruntime")
    run = Run("batch", 0.9, 0)
    for _ in range(6):
        run.step()
    images, _ = run.draw()
    run.model.update_average_statistics(images, reset=True)
    expected, _ = run.model.predict(images, scores="logits", weights="average")
    with run.model.clone_average() as average:
        average.save(tmp_path / "average.safetensors", kind="weights")
        average.export_onnx(tmp_path / "average.onnx")
        assert average.config.average_decay == 0 and average.steps_taken == 6
        assert numpy.array_equal(average.predict(images, scores="logits")[0], expected)
    network = run.trainers[0].network
    network.load_state_dict(load_file(tmp_path / "average.safetensors"), strict=True)
    with torch.no_grad():
        assert error(network.eval()(torch.from_numpy(images)).flatten(1), expected) <= LARGEST
    session = onnxruntime.InferenceSession(tmp_path / "average.onnx")
    assert error(session.run(None, {"images": images})[0], expected) <= LARGEST


def test_checkpoints_and_copies_have_the_average(tmp_path):
    run = Run("batch", 1.0, 2)
    for _ in range(4):
        run.step()
    run.model.update_average_statistics(run.draw()[0], reset=True)
    run.model.save(tmp_path / "run.ckpt")
    expected = run.model.state_dict("average")
    for other in (normnet.Model.load(tmp_path / "run.ckpt", max_batch=BATCH), run.model.clone(), copy.copy(run.model)):
        with other:
            assert other.config.average_from == 2
            assert all(numpy.array_equal(value, expected[name])
                       for name, value in other.state_dict(weights="average").items())
            assert other.serialize() == run.model.serialize()


def test_without_an_average():
    with normnet.Model() as model:
        images, labels = numpy.zeros((2, 1, 28, 28), numpy.uint8), numpy.zeros(2, numpy.uint8)
        for call in (lambda: model.evaluate(images, labels, weights="average"),
                     lambda: model.predict(images, weights="average"),
                     lambda: model.layer_output(images, 0, weights="average"),
                     lambda: model.update_average_statistics(images, True),
                     lambda: model.state_dict("average"), model.clone_average):
            with pytest.raises(normnet.NormnetError, match="average_decay is 0") as raised:
                call()
            assert raised.value.status == normnet.Status.ESTATE
        with pytest.raises(ValueError, match="weights is .mean.; expected current or average"):
            model.predict(images, weights="mean")
