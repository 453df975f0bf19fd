# SPDX-License-Identifier: MIT
"""Federated training with Flower: which norm suffers least if the clients have different data?

Each of K clients has images that it never shows to anybody. In a round, each trains the server's network on them for
some epochs, and the server averages what comes back (FedAvg), weighted by the numbers of images: weights, and the
running statistics of batch norm like these. The accuracy is the server's, on the test images.

The strategy, the messages and the client are Flower's (package flwr): FedAvg.start() runs the rounds, and `client` is
a ClientApp as `flwr run` would start it. Only the way between them is our own: InTurn, a Grid, calls the clients one
after another in this process. Flower's simulation engine needs Ray; this needs a second to start and no network.

    pip install flwr matplotlib
    python examples/federated/federated.py --images 2000                # drawn digits unless MNIST is there; a minute
    python examples/federated/federated.py --rounds 20 --seeds 3        # all images: an hour
"""
from __future__ import annotations

import argparse
import json
import logging
import os
import pathlib
import random
import sys
from typing import Any, Dict, Iterable, List

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"  # nothing here is for the network; read when flwr is imported
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "python"))

try:
    import numpy
    from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.serverapp import Grid
    from flwr.serverapp.strategy import FedAvg
    from flwr.supercore.task_identity import TaskIdentity

    import normnet
    from normnet_digits import CLASSES, Digits, load
except ImportError as error:
    sys.exit(f"error: {error}; install the packages that docs/ranks.md names")

#: One dict per round: round, test_accuracy and test_loss.
History = List[Dict[str, Any]]

NORMS = ("batch", "group", "layer", "none")

# ---- Which images are whose ------------------------------------------------------------------------


def by_dirichlet(labels: Any, clients: int, alpha: float, generator: Any) -> list[Any]:
    """The images of each client: of each class, a share drawn from Dirichlet(alpha).

    With a large alpha all clients have the same mixture, with a small one each has few classes. Shares are drawn again
    until each client has two images: fewer are not enough for batch norm at the end of a network.
    """
    for _ in range(1000):
        shares = generator.dirichlet([alpha] * clients, CLASSES)
        if not numpy.isfinite(shares).all():  # so small an alpha that all shares of a class are 0 of 0
            continue
        parts: list[Any] = [[] for _ in range(clients)]
        for label in range(CLASSES):
            images = generator.permutation(numpy.flatnonzero(labels == label))
            cuts = numpy.round(numpy.cumsum(shares[label])[:-1] * len(images)).astype(int)
            for part, some in zip(parts, numpy.split(images, cuts)):
                part.append(some)
        joined = [numpy.concatenate(part) for part in parts]
        if min(map(len, joined)) >= 2:
            return joined
    raise ValueError(f"--alpha {alpha} leaves some of {clients} clients without images; expected more of it")


def by_classes(labels: Any, clients: int, per_client: int, generator: Any) -> list[Any]:
    """The images of each client: those of `per_client` classes, which it shares evenly with the others that have them.

    Classes are dealt like cards, all of them before one comes again. A client that would get a class twice gets a
    larger share of it.
    """
    if clients * per_client < CLASSES:
        raise ValueError(f"{clients} clients of {per_client} classes leave classes out; expected {CLASSES} or more")
    rounds = -(-clients * per_client // CLASSES)
    dealt = numpy.concatenate([generator.permutation(CLASSES) for _ in range(rounds)])[:clients * per_client]
    parts: list[Any] = [[] for _ in range(clients)]
    for label in range(CLASSES):
        owners = numpy.flatnonzero(dealt == label) // per_client
        images = generator.permutation(numpy.flatnonzero(labels == label))
        for owner, some in zip(owners, numpy.array_split(images, len(owners))):
            parts[owner].append(some)
    return [numpy.concatenate(part) for part in parts]


def partition(labels: Any, options: argparse.Namespace, seed: int) -> list[Any]:
    """The indices of each client's images; for one seed the same with all norms.

    No epoch may end with a batch of a single image, which has no batch statistics after global average pooling: such a
    client has one image less.
    """
    generator = numpy.random.RandomState(seed)
    if options.partition == "dirichlet":
        parts = by_dirichlet(labels, options.clients, options.alpha, generator)
    elif options.partition == "classes":
        parts = by_classes(labels, options.clients, options.classes_per_client, generator)
    else:
        parts = numpy.array_split(generator.permutation(len(labels)), options.clients)
    return [part[:-1] if len(part) % options.batch == 1 else part for part in parts]


# ---- The network in Flower's words -----------------------------------------------------------------


def create_model(norm: str, options: argparse.Namespace, seed: int) -> normnet.Model:
    """The default network; the weights depend on the seed and not on the norm."""
    return normnet.Model(norm, dropout=0, lr=options.lr, momentum=options.momentum, max_batch=options.batch,
                         threads=options.threads, seed=seed)


def to_arrays(model: normnet.Model) -> ArrayRecord:
    """What is averaged: the state but for num_batches_tracked, whose average would mean nothing."""
    return ArrayRecord({name: Array(array) for name, array in model.state_dict().items()
                        if not name.endswith(".num_batches_tracked")})


def load_arrays(model: normnet.Model, arrays: ArrayRecord) -> None:
    """Replaces the weights and running statistics of a model."""
    model.load_state_dict({name: array.numpy() for name, array in arrays.items()})


def client_app(data: Digits, parts: list[Any], norm: str, options: argparse.Namespace, seed: int) -> ClientApp:
    """The program of a client: node i, counted from 1, trains on the images
    parts[i - 1], from the server's weights and without momentum."""
    app = ClientApp()

    @app.train()  # type: ignore[untyped-decorator, unused-ignore]
    def train(message: Message, context: Context) -> Message:
        mine = parts[context.node_id - 1]
        turn = int(message.content.config_records["config"]["server-round"])  # type: ignore[arg-type, unused-ignore]
        with create_model(norm, options, seed) as model:
            load_arrays(model, message.content.array_records["arrays"])
            history = model.fit(data.images[mine], data.labels[mine], epochs=options.epochs, batch_size=options.batch,
                                seed=(seed * 1000 + turn) * 1000 + context.node_id, progress=False)
            metrics = MetricRecord({"num-examples": len(mine), "loss": history[-1].loss})
            return Message(RecordDict({"arrays": to_arrays(model), "metrics": metrics}), reply_to=message)

    return app


class InTurn(Grid):
    """A network without a network: messages to the nodes 1 to count are answered by calls, one after another."""

    def __init__(self, app: ClientApp, count: int) -> None:
        # Who sends the messages of this process, which Flower itself sets where it starts one for a run.
        TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 0
        self.app = app
        self.nodes = {node: Context(0, node, {}, RecordDict(), {}) for node in range(1, count + 1)}

    def get_node_ids(self) -> Iterable[int]:
        return list(self.nodes)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """The answers, in the order of the nodes, so that sums have one order. A client's exception ends the run."""
        in_order = sorted(messages, key=lambda message: int(message.metadata.dst_node_id))
        return [self.app(message, self.nodes[message.metadata.dst_node_id]) for message in in_order]

    # What FedAvg.start() does not use.

    @property
    def run(self) -> Any:
        raise NotImplementedError("these clients belong to no run of a Flower server")

    def set_run(self, run: Any) -> None:
        raise NotImplementedError("these clients belong to no run of a Flower server")

    def create_message(self, *arguments: Any, **names: Any) -> Message:
        raise NotImplementedError("FedAvg creates its messages itself")

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        raise NotImplementedError("a message and its answer are one call: send_and_receive()")

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        raise NotImplementedError("a message and its answer are one call: send_and_receive()")


# ---- The comparison --------------------------------------------------------------------------------


def run(norm: str, seed: int, data: Digits, options: argparse.Namespace) -> History:
    """Federated training with one norm and seed; the server's accuracy and loss before it and after each round."""
    parts = partition(data.labels, options, seed)
    grid = InTurn(client_app(data, parts, norm, options, seed), options.clients)
    random.seed(seed)  # FedAvg draws the clients of a round with it
    strategy = FedAvg(fraction_train=options.fraction, fraction_evaluate=0, min_train_nodes=1, min_available_nodes=1)
    with create_model(norm, options, seed) as model:
        def evaluate(turn: int, arrays: ArrayRecord) -> MetricRecord:
            load_arrays(model, arrays)
            metrics = model.evaluate(data.test_images, data.test_labels)
            return MetricRecord({"accuracy": 100 * metrics.correct / metrics.count, "loss": metrics.loss})

        result = strategy.start(grid, to_arrays(model), options.rounds, evaluate_fn=evaluate)
    return [{"round": turn, "test_accuracy": metrics["accuracy"], "test_loss": metrics["loss"]}
            for turn, metrics in sorted(result.evaluate_metrics_serverapp.items())]


def table(runs: dict[str, list[History]]) -> str:
    """A row per norm: the server's accuracy over the seeds."""
    rounds = len(next(iter(runs.values()))[0]) - 1
    shown = sorted({max(1, rounds // 4), max(1, rounds // 2), rounds})
    lines = ["norm   " + "".join(f"  round {turn:3}" for turn in shown) + "   lowest  highest of the last round"]
    for norm, some in runs.items():
        accuracies = numpy.array([[turn["test_accuracy"] for turn in history] for history in some])
        lines.append(f"{norm:7}" + "".join(f"{accuracies[:, turn].mean():11.2f}" for turn in shown)
                     + f"{accuracies[:, -1].min():9.2f}{accuracies[:, -1].max():9.2f}")
    return "\n".join(lines)


def draw(runs: dict[str, list[History]], title: str, path: str) -> None:
    """A picture of the accuracy per round: means over the seeds, and bands from the lowest to the highest."""
    import matplotlib
    matplotlib.use("Agg")
    from normnet_plots import curves
    axes = curves({norm: [[{"epoch": turn["round"], **turn} for turn in history] for history in some]
                   for norm, some in runs.items()})
    axes.set_xlabel("round")
    axes.set_title(title, fontsize="medium")
    axes.figure.savefig(path, dpi=150, bbox_inches="tight")


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Federated training with Flower: batch, group and layer norm, and none, if the clients have"
                    " different data. Prints a table of the server's accuracy, and writes OUT.json and OUT.png.",
        epilog="examples: `federated.py --rounds 5`; `federated.py --partition classes --seeds 3 --out classes`")
    parser.add_argument("--data", metavar="DIR", help="a folder with MNIST's four files [that of NORMNET_DATA or of"
                                                      " examples/fetch_mnist.sh; otherwise drawn digits]")
    parser.add_argument("--images", type=int, metavar="N", help="use the first N training images only [all]")
    parser.add_argument("--norms", default=",".join(NORMS), help="[%(default)s]")
    parser.add_argument("--clients", type=int, default=10, metavar="K", help="[%(default)s]")
    parser.add_argument("--fraction", type=float, default=1, metavar="F", help="share of clients in a round [1]")
    parser.add_argument("--partition", choices=("dirichlet", "classes", "equal"), default="dirichlet",
                        help="how classes are divided: shares of each drawn from Dirichlet(alpha), a few classes per"
                             " client, or all alike [%(default)s]")
    parser.add_argument("--alpha", type=float, default=.1, help="of Dirichlet; small: few classes per client [.1]")
    parser.add_argument("--classes-per-client", type=int, default=2, metavar="N", help="[%(default)s]")
    parser.add_argument("--rounds", type=int, default=10, help="[%(default)s]")
    parser.add_argument("--epochs", type=int, default=1, help="local ones per round [%(default)s]")
    parser.add_argument("--batch", type=int, default=32, help="images per local step [%(default)s]")
    parser.add_argument("--lr", type=float, default=.01, help="[%(default)s]")
    parser.add_argument("--momentum", type=float, default=.9, help="of the local steps [%(default)s]")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 1 to N [%(default)s]")
    parser.add_argument("--threads", type=int, default=1, help="[%(default)s]")
    parser.add_argument("--out", default="federated", help="name of the two files, without ending [%(default)s]")
    options = parser.parse_args(arguments)
    for name in ("clients", "rounds", "epochs", "batch", "seeds", "threads", "classes_per_client"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} is {getattr(options, name)}; expected at least 1")
    if not options.alpha > 0 or not 0 < options.fraction <= 1:
        parser.error("expected an --alpha above 0, and a --fraction above 0 and up to 1")
    options.norms = options.norms.split(",")
    names = [name.lower() for name in normnet.Norm.__members__]
    for norm in options.norms:
        if norm not in names:
            parser.error(f"--norms has {norm!r}; expected some of {', '.join(names)}")
    return options


def main(arguments: list[str] | None = None) -> None:
    options = read_options(arguments)
    logging.getLogger("flwr").setLevel(logging.ERROR)  # it warns of what fraction_evaluate=0 says
    data = load(options.data)
    if options.images:
        data = data._replace(images=data.images[:options.images], labels=data.labels[:options.images])
    print(f"{len(data.labels)} images ({data.source}) of {options.clients} clients, {options.partition}", flush=True)
    runs: dict[str, list[History]] = {}
    for norm in options.norms:
        runs[norm] = []
        for seed in range(1, options.seeds + 1):
            runs[norm].append(run(norm, seed, data, options))
            print(f"{norm}, seed {seed}: {runs[norm][-1][-1]['test_accuracy']:.2f}%", flush=True)
    print(table(runs))
    settings = {name: value for name, value in vars(options).items() if name not in ("data", "out", "threads")}
    pathlib.Path(options.out + ".json").write_text(json.dumps(
        {"settings": settings, "source": data.source, "runs": runs}, indent=2) + "\n", encoding="utf-8")
    draw(runs, f"{options.clients} clients, {options.partition}", options.out + ".png")


if __name__ == "__main__":
    main()
