# SPDX-License-Identifier: MIT
"""examples/federated/federated.py: which images are whose, what the server averages, and a whole run."""
import argparse
import json
import pathlib
import socket
import sys

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "examples" / "federated"))

import federated  # noqa: E402
import normnet  # noqa: E402
from normnet_digits import Digits, draw  # noqa: E402

LABELS = numpy.random.RandomState(1).randint(0, 10, 3000)


@pytest.fixture(autouse=True)
def without_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def options(**changes):
    return argparse.Namespace(**{**vars(federated.read_options([])), **changes})


def counts(parts):
    """How many images of each class each client has."""
    return numpy.array([numpy.bincount(LABELS[part], minlength=10) for part in parts])


@pytest.mark.parametrize("changes", [{"partition": "dirichlet", "alpha": .1}, {"partition": "dirichlet", "alpha": 50.},
                                     {"partition": "classes"}, {"partition": "equal"},
                                     {"partition": "classes", "clients": 7, "classes_per_client": 3}])
def test_each_image_is_that_of_one_client(changes):
    chosen = options(**changes)
    parts = federated.partition(LABELS, chosen, seed=3)
    assert len(parts) == chosen.clients
    assert all(len(part) >= 2 and len(part) % chosen.batch != 1 for part in parts)
    images = numpy.concatenate(parts)
    assert len(set(images.tolist())) == len(images) >= len(LABELS) - chosen.clients  # a client may lack one
    again, other = (federated.partition(LABELS, chosen, seed) for seed in (3, 4))
    assert all(numpy.array_equal(a, b) for a, b in zip(parts, again))
    assert not all(numpy.array_equal(a, b) for a, b in zip(parts, other))


def test_a_small_alpha_gives_few_classes_and_a_large_one_all():
    few, all_alike = (counts(federated.partition(LABELS, options(alpha=alpha), 1)) for alpha in (.05, 1000.))
    def largest_share(table):
        return (table.max(axis=1) / table.sum(axis=1)).mean()
    assert largest_share(few) > .5 and largest_share(all_alike) < .15


def test_clients_of_two_classes_have_two():
    table = counts(federated.partition(LABELS, options(partition="classes"), 1))
    assert ((table > 0).sum(axis=1) == 2).all() and ((table > 0).sum(axis=0) == 2).all()


def test_a_batch_of_one_image_is_avoided():
    parts = federated.partition(LABELS[:330], options(partition="equal"), 1)
    assert [len(part) for part in parts] == [32] * 10


@pytest.mark.parametrize("changes", [{"alpha": 1e-6}, {"partition": "classes", "clients": 4}])
def test_partitions_that_do_not_exist(changes):
    with pytest.raises(ValueError, match="expected"):
        federated.partition(LABELS, options(**changes), 1)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_the_server_has_the_average_weighted_by_images(norm, monkeypatch):
    """Also of batch norm's running statistics, and each client begins with the server's weights."""
    data, chosen = Digits(*draw(90, 1), *draw(20, 2), ""), options(clients=2, rounds=1, partition="dirichlet", alpha=1.)
    parts = federated.partition(data.labels, chosen, seed=5)
    assert len(parts[0]) != len(parts[1])
    seen = []
    load_arrays = federated.load_arrays

    def load_and_record(model, arrays):
        seen.append(arrays)
        load_arrays(model, arrays)

    monkeypatch.setattr(federated, "load_arrays", load_and_record)
    history = federated.run(norm, 5, data, chosen)
    expected = {}
    for client, part in enumerate(parts, 1):
        with federated.create_model(norm, chosen, 5) as model:
            model.fit(data.images[part], data.labels[part], batch_size=chosen.batch, seed=5001000 + client)
            for name, array in model.state_dict().items():
                expected[name] = expected.get(name, 0) + array * (len(part) / sum(map(len, parts)))
    average = seen[-1]
    assert len(seen) == 4  # the server before the round, two clients, the server after it
    assert set(average) == {name for name in expected if not name.endswith("num_batches_tracked")}
    assert any("running_var" in name for name in average) == (norm == "batch")
    for name, array in average.items():
        assert numpy.allclose(array.numpy(), expected[name], rtol=1e-5, atol=1e-7), name
    with federated.create_model(norm, chosen, 5) as model:
        assert seen[0]["0.weight"].numpy().tobytes() == model.state_dict()["0.weight"].tobytes()
        load_arrays(model, average)
        metrics = model.evaluate(data.test_images, data.test_labels)
    assert history[-1] == {"round": 1, "test_accuracy": 100 * metrics.correct / 20, "test_loss": metrics.loss}


def test_a_client_that_fails_ends_the_run():
    data = Digits(*draw(90, 1), *draw(20, 2), "")
    data.labels[7] = 10
    with pytest.raises(normnet.NormnetError, match="labels"):
        federated.run("group", 1, data, options(clients=3, rounds=1, partition="equal"))


def test_a_run_learns_and_writes_what_it_has_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NORMNET_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    arguments = ["--images", "1000", "--clients", "2", "--rounds", "4", "--epochs", "2", "--norms", "batch,group",
                 "--alpha", "100", "--lr", ".02"]
    found = []
    for name, seeds in ("a", "1"), ("b", "2"):
        federated.main([*arguments, "--seeds", seeds, "--out", str(tmp_path / name)])
        found.append(json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")))
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert all(found[0]["runs"][norm][0] == found[1]["runs"][norm][0] for norm in ("batch", "group"))
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()[-2:]}
    assert list(rows) == ["batch", "group"]
    for norm, histories in found[1]["runs"].items():
        assert [[turn["round"] for turn in history] for history in histories] == [list(range(5))] * 2
        accuracies = numpy.array([[turn["test_accuracy"] for turn in history] for history in histories])
        losses = numpy.array([[turn["test_loss"] for turn in history] for history in histories])
        assert (accuracies[:, -1] > (90 if norm == "batch" else accuracies[:, 0] + 10)).all(), accuracies
        assert (losses[:, -1] < .8 * losses[:, 0]).all(), losses
        assert float(rows[norm][2]) == pytest.approx(accuracies[:, -1].mean(), abs=.006)


@pytest.mark.parametrize("arguments, message", [
    (["--norms", "batch,bach"], "'bach'"), (["--rounds", "0"], "at least 1"), (["--alpha", "0"], "--alpha above 0"),
    (["--classes-per-client", "-2"], "--classes-per-client is -2")])
def test_mistakes_on_the_command_line(arguments, message, capsys):
    with pytest.raises(SystemExit):
        federated.read_options(arguments)
    assert message in capsys.readouterr().err
