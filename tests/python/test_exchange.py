# SPDX-License-Identifier: MIT
"""Models that travel: safetensors to PyTorch and back, ONNX to ONNX Runtime.

The network that is loaded must give the same logits. The truth is PyTorch in float64; what carries the same weights
in float32 may be LARGEST away from it. Images are drawn once more where PyTorch in float32 is itself far from the
truth.
"""
import json
import os
import pathlib
import struct
import subprocess

import numpy
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
safetensors_numpy = pytest.importorskip("safetensors.numpy", reason="pip install safetensors")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="pip install safetensors")

import normnet  # noqa: E402
import torch_network  # noqa: E402
from comparison import (FEW, FLAT, LARGEST, MIXED, NORMS, SEEDS, draw_images, draw_labels, error,  # noqa: E402
                        normalized)

torch.set_num_threads(1)

#: Every stride on kernels of every kind: Winograd's size, others below and above 4, with and without padding.
STRIDES = "conv5-4s2p2 norm relu conv3-6s1p1 relu conv7-8s3p3 norm relu conv6-8s2p1b relu conv2-6s2 relu gap conv1-10"

#: Of the seeds' networks.
SEED_NORMS = ["none", "batch", "batch.plain", "group", "group.plain", "layer", "layer.element", "layer.plain"]
#: Of these an average over all pixels right after them leaves nothing: it is made a maximum there. Nor is anything
#: left of them after that pool, where 003 has a norm.
PIXEL_NORMS = ["instance", "instance.plain", "layer2", "layer2.element", "layer1", "layer1.element"]
KEEPS_PIXELS = ("001-bn", "sibling")


def seed_architecture(seed, norm):
    kept = norm not in PIXEL_NORMS or seed in KEEPS_PIXELS
    return SEEDS[seed][0] if kept else SEEDS[seed][0].replace("avgpool", "maxpool")


CASES = {f"few-{name}": {"architecture": FEW, "height": 16, "width": 17, **norm} for name, norm in NORMS.items()}
for seed, (_, groups, _) in SEEDS.items():
    for norm in SEED_NORMS + PIXEL_NORMS * (seed != "003"):
        CASES[f"{seed}-{norm}"] = {"architecture": seed_architecture(seed, norm), **NORMS[norm],
                                   **({"groups": groups} if norm.startswith("group") else {})}
for norm in ("batch", "batch.plain", "group", "layer", "layer.element", "layer.plain"):
    CASES[f"flat-{norm}"] = {"architecture": FLAT, "channels": 3, "height": 11, "width": 9, **NORMS[norm]}
for norm in ("batch", "group", "layer"):  # eps as large as a variance
    CASES[f"eps-{norm}"] = {"architecture": FEW, "height": 16, "width": 17, "norm": norm, "eps": 0.5}
CASES["strides"] = {"architecture": STRIDES, "height": 47, "width": 45, "norm": "batch"}
CASES["mixed"] = {"architecture": MIXED, "channels": 2, "height": 15, "width": 13, "norm": "none"}
CASES["default"] = {"norm": "batch"}
#: Networks around every type of layer that the library lists: "name architecture", a line each.
for line in subprocess.run([os.environ["NORMNET_LAYER_TYPES"], "--networks"], stdout=subprocess.PIPE, check=True,
                           text=True).stdout.splitlines():
    name, architecture = line.split(" ", 1)
    CASES[f"type-{name}"] = {"architecture": architecture, "norm": "group", "channels": 2, "height": 11, "width": 13}


def shape(options):
    return options.get("channels", 1), options.get("height", 28), options.get("width", 28)


def draw(options, count, seed=0):
    """Images as floats, and labels."""
    random = numpy.random.default_rng(seed)
    return normalized(draw_images(random, count, *shape(options))), draw_labels(random, count)


def trained(options):
    """A model after three steps."""
    model = normnet.Model(lr=0.01, **options)
    for step in range(3):
        model.train_step(*draw(options, 24, step + 1))
    return model


def logits_of(network, images):
    """In float64 and in float32."""
    images = torch.from_numpy(images)
    with torch.no_grad():
        single = network.eval().float()(images).flatten(1).numpy()
        double = network.double()(images.double()).flatten(1).numpy()
    network.float()
    return double, single


def compare(options, network, other):
    """Are the outputs of `other` for the images within LARGEST of the network's?"""
    for seed in range(10, 20):
        images, _ = draw(options, 16, seed)
        truth, single = logits_of(network, images)
        if error(single, truth) < LARGEST / 3:
            break
    else:
        pytest.fail("PyTorch in float32 is far from the truth for all images")
    assert error(other(images), truth) <= LARGEST


def predict(model):
    return lambda images: model.predict(images, scores="logits")[0]


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_layers_name_their_classes(options):
    """normnet_layer_info.module is the class of torch.nn that computes the same."""
    with normnet.Model(**options) as model:
        for info, module in zip(model.layers(), torch_network.build(**options), strict=True):
            assert isinstance(module, getattr(torch.nn, info.module)), info.token


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_pytorch_loads_what_normnet_trained(options, tmp_path):
    """normnet_model_save, kind weights: torch loads it with strict=True."""
    with trained(options) as model:
        model.save(tmp_path / "model.safetensors", kind="weights")
        network = torch_network.build(**options)
        network.load_state_dict(safetensors_torch.load_file(tmp_path / "model.safetensors"), strict=True)
        compare(options, network, predict(model))


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_normnet_loads_what_pytorch_trained(options, tmp_path):
    """normnet_load_weights: of a file that PyTorch wrote for the same Sequential."""
    torch.manual_seed(1)
    network = torch_network.build(**options)
    trainer = torch_network.Trainer(network, lr=0.01)
    for step in range(3):
        images, labels = draw(options, 24, step + 1)
        trainer.gradients(torch.from_numpy(images), torch.from_numpy(labels.astype(numpy.int64)))
        trainer.optimizer.step()
    safetensors_torch.save_file(network.state_dict(), tmp_path / "model.safetensors")
    with normnet.Model(**options) as model:
        model.load_weights(tmp_path / "model.safetensors")
        compare(options, network, predict(model))
        for name, tensor in network.state_dict().items():
            assert numpy.array_equal(model.state_dict()[name], tensor.numpy()), name


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_onnx_runtime_agrees(options, tmp_path):
    """normnet_model_export_onnx: passes the checker and returns the same logits, for batches of any size."""
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    onnxruntime = pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    with trained(options) as model:
        model.export_onnx(tmp_path / "model.onnx")
        onnx.checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
        network = torch_network.build(**options)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in model.state_dict().items()})

        def run(images):
            return session.run(["logits"], {"images": images})[0]
        compare(options, network, run)
        images, _ = draw(options, 5, 30)
        assert error(run(images[:1]), predict(model)(images[:1])) <= 2 * LARGEST


#: All that a file is made of: operations of opset 8 or so, which every runtime and converter has.
OPERATIONS = {"Sub", "Div", "Conv", "Gemm", "Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten",
              "BatchNormalization", "InstanceNormalization", "Reshape", "Mul", "Add", "Pow", "ReduceMean", "Sqrt"}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_onnx_is_made_of_what_runtimes_know(options, tmp_path):
    """Whether OpenCV, ncnn and tract run a file (test_onnx_runtimes) shows in it, where they are not installed.

    OpenCV 5 takes InstanceNormalization, Reshape, Mul for a group norm with one gamma per channel, and ncnn has no
    InstanceNormalization but of four dimensions.
    """
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    with normnet.Model(**options) as model:
        model.export_onnx(tmp_path / "model.onnx")
    graph = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / "model.onnx"), strict_mode=True).graph
    constants = {constant.name: list(constant.dims) for constant in graph.initializer}
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in graph.value_info}
    assert {node.op_type for node in graph.node} <= OPERATIONS
    for before, node, after in zip(graph.node, graph.node[1:], [*graph.node[2:], None]):
        if before.op_type == "InstanceNormalization":
            assert ranks[before.input[0]] == 4
            if node.op_type == "Reshape" and after.op_type == "Mul" and after.input[1] in constants:
                assert ranks[after.input[0]] == 4 and constants[after.input[1]][1:] == [1, 1], after.name


def test_onnx_says_which_version_it_is(tmp_path):
    """The opset that normnet.h promises, the newest IR that the runtimes of its time read, and who wrote it."""
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    with normnet.Model("batch") as model:
        model.export_onnx(tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx")
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", 17)]
    assert (graph.ir_version, graph.producer_name, graph.producer_version) == (8, "normnet", normnet.version())


def test_onnx_scales_the_images(tmp_path):
    """input_mean and input_std are part of the graph."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    options = {"norm": "batch", "channels": 2, "input_mean": [0.25, 0.5], "input_std": [0.5, 0.125]}
    images = numpy.random.default_rng(0).random((4, 2, 28, 28), numpy.float32)
    with normnet.Model(**options) as model:
        model.export_onnx(tmp_path / "model.onnx")
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
        assert error(session.run(["logits"], {"images": images})[0], predict(model)(images)) <= LARGEST


def test_python_reads_checkpoints(tmp_path):
    """The optimizer's buffers are next to the weights, and the configuration is in the metadata."""
    with trained({"norm": "batch"}) as model:
        model.save(tmp_path / "model.safetensors", note="of the caller")
        tensors = safetensors_numpy.load_file(tmp_path / "model.safetensors")
        for name, array in model.state_dict().items():
            assert numpy.array_equal(tensors.pop(name), array)
        assert set(tensors) == {"optim." + name for name in model.split(numpy.zeros(model.parameter_count))}
        data = (tmp_path / "model.safetensors").read_bytes()
    metadata = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]
    assert metadata["normnet.step"] == "3" and metadata["normnet.note"] == "of the caller"
    assert struct.unpack(">d", bytes.fromhex(metadata["normnet.lr"]))[0] == 0.01


def test_normnet_reads_what_python_wrote_with_any_order_and_metadata(tmp_path):
    """Tensors in any order, metadata that is not ours."""
    with trained({"norm": "batch"}) as model, normnet.Model("batch") as other:
        state = model.state_dict()
        data = safetensors_numpy.save(dict(reversed(state.items())), metadata={"author": "søren \"x\"\\\n\u2603"})
        other.deserialize_weights(data)
        for name, array in other.state_dict().items():
            assert numpy.array_equal(array, state[name])


class Wrapped(torch.nn.Module):
    """A network in a module of a framework, e.g. a LightningModule."""

    def __init__(self, network, name="model"):
        super().__init__()
        self.add_module(name, network)


def per_tensor(change):
    return lambda network: {name: change(tensor) for name, tensor in network.state_dict().items()}


#: What programs do to a network or its state_dict before they save it: PyTorch loads all of them with strict=True.
CONVERSIONS = {
    "half": lambda network: network.half().state_dict(),
    "bfloat16": lambda network: network.bfloat16().state_dict(),
    "double": lambda network: network.double().state_dict(),
    "all-half": per_tensor(lambda tensor: tensor.half()),
    "all-double": per_tensor(lambda tensor: tensor.double()),
    "all-float8": per_tensor(lambda tensor: tensor.to(torch.float8_e5m2)),
    "all-int": per_tensor(lambda tensor: tensor.abs().int()),
    "counts-1d": per_tensor(lambda tensor: tensor.reshape(1) if tensor.dim() == 0 else tensor),
    "counts-int32": per_tensor(lambda tensor: tensor.int() if tensor.dim() == 0 else tensor),
    "no-counts": lambda network: {name: tensor for name, tensor in network.state_dict().items() if tensor.dim() > 0},
}
WRAPPERS = {
    "data-parallel": torch.nn.DataParallel,
    "compile": lambda network: torch.compile(network, backend="eager"),
    "lightning": Wrapped,
    "compile-parallel": lambda network: torch.compile(torch.nn.DataParallel(network), backend="eager"),
    "parallel-lightning": lambda network: torch.nn.DataParallel(Wrapped(Wrapped(network, "backbone"))),
    "sequential": torch.nn.Sequential,
}


def random_network(seed):
    """The default network with batch norm, and running statistics of some batches."""
    torch.manual_seed(seed)
    network = torch_network.build(norm="batch")
    for _ in range(3):
        network(torch.randn(8, 1, 28, 28))
    return network


def assert_equal_states(model, network):
    for name, tensor in network.state_dict().items():
        assert numpy.array_equal(model.state_dict()[name], tensor.numpy()), name


@pytest.mark.parametrize("convert", CONVERSIONS.values(), ids=CONVERSIONS)
def test_normnet_is_no_stricter_than_pytorch(convert, tmp_path):
    """A state_dict that PyTorch loads with strict=True gives the same values here, bit for bit."""
    state = convert(random_network(1))
    safetensors_torch.save_file(state, tmp_path / "model.safetensors")
    network = random_network(2)
    with normnet.Model("batch") as model:
        for name, tensor in network.state_dict().items():
            model.set_state(name, tensor.numpy())
        network.load_state_dict(state, strict=True)
        model.load_weights(tmp_path / "model.safetensors")
        assert_equal_states(model, network)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_normnet_loads_what_a_wrapper_saved(wrap, tmp_path):
    """What all names begin with is not part of the network."""
    network = random_network(1)
    state = wrap(network).state_dict()
    assert not set(state) & set(network.state_dict())
    safetensors_torch.save_file(state, tmp_path / "model.safetensors")
    with normnet.Model("batch") as model:
        model.load_weights(tmp_path / "model.safetensors")
        assert_equal_states(model, network)


def test_the_golden_file_is_what_pytorch_writes(tmp_path):
    """tests/files/pytorch.safetensors, which the tests in C read."""
    network = torch_network.build("conv3-2 relu norm gap conv1-2", "batch", height=6, width=6)
    for tensor in network.state_dict().values():
        tensor.copy_(1 + torch.arange(tensor.numel()).reshape(tensor.shape) / 8)
    safetensors_torch.save_file(torch.nn.DataParallel(network.half()).state_dict(), tmp_path / "pytorch.safetensors")
    golden = safetensors_torch.load_file(pathlib.Path(__file__).parents[1] / "files" / "pytorch.safetensors")
    written = safetensors_torch.load_file(tmp_path / "pytorch.safetensors")
    assert set(golden) == set(written)
    for name, tensor in written.items():
        assert golden[name].dtype == tensor.dtype and torch.equal(golden[name], tensor), name


def test_a_pytorch_checkpoint_of_another_network_changes_nothing():
    """NORMNET_EMISMATCH: a name or a shape that differs. NORMNET_EUNSUPPORTED: numbers that are not real."""
    with normnet.Model("batch") as model:
        before = model.serialize()
        state = model.state_dict()
        for change in ({"0.weight": numpy.zeros((8, 1, 3, 4), numpy.float32)},
                       {"0.bias": numpy.zeros(8, numpy.float32)}):
            with pytest.raises(normnet.NormnetError) as caught:
                model.deserialize_weights(safetensors_numpy.save({**state, **change}))
            assert caught.value.name == "NORMNET_EMISMATCH"
        with pytest.raises(normnet.NormnetError) as caught:
            model.deserialize_weights(safetensors_numpy.save({"0.weight": state["0.weight"]}))
        assert caught.value.name == "NORMNET_EMISMATCH"
        with pytest.raises(normnet.NormnetError) as caught:
            model.deserialize_weights(safetensors_numpy.save({**state, "0.weight": state["0.weight"].astype("c8")}))
        assert caught.value.name == "NORMNET_EUNSUPPORTED"
        assert model.serialize() == before
