# SPDX-License-Identifier: MIT
"""Trains as examples/distributed/ranks.py does, several times after one start of the engine, and writes hashes.

usage: rank_worker.py gloo|mpi DATA RESULTS OPTION...

RESULTS is a folder for one file of each rank, since launchers may mix the lines of several. It has a line for each norm
and one for local statistics: what was trained, the hash of the state, that of the parameters alone. On the way, the
program checks that gradients are sent and received where the model has them.
"""
import hashlib
import pathlib
import sys

import rank_runs

sys.path.append(str(rank_runs.MPI4PY.parent))

import ranks  # noqa: E402

if sys.argv[1] == "gloo":  # so that each needs only its own package
    import train_gloo  # noqa: E402
else:
    import train_mpi4py  # noqa: E402


class Watched:
    """An engine that checks what it is given, and counts the arrays that lie where the model's gradients are."""

    def __init__(self, engine):
        self.engine, self.rank, self.count = engine, engine.rank, engine.count
        self.view, self.own, self.borrowed = None, 0, 0

    def check(self, values):
        assert values.flags.c_contiguous and values.flags.writeable
        if self.view is not None and values.size == self.view.size:
            assert values.ctypes.data == self.view.ctypes.data  # and not a copy of them
            self.own += 1
        elif not values.flags.owndata and values.dtype == float:
            self.borrowed += 1  # the library's sums of a batch norm
        if "torch" in sys.modules:
            assert sys.modules["torch"].from_numpy(values).data_ptr() == values.ctypes.data

    def send(self, values, rank):
        self.check(values)
        self.engine.send(values, rank)

    def receive(self, values, rank):  # into memory of its own, to be added
        self.engine.receive(values, rank)

    def broadcast(self, values, rank):
        self.check(values)
        self.engine.broadcast(values, rank)


def train(engine, name, folder, options):
    norm, engine = "batch" if name == "local" else name, Watched(engine)
    chosen = ranks.read_options("", "", ["--data", folder, "--norm", norm, "--threads", str(1 + engine.rank % 2),
                                         *(["--local-statistics"] if name == "local" else []), *options])
    data = ranks.prepare(engine, chosen)
    with ranks.create_model(engine, norm, chosen.synchronized and norm == "batch", chosen.threads,
                            schedule="one_cycle", max_lr=.03,
                            total_steps=chosen.epochs * -(-len(data.labels) // chosen.batch), max_batch=chosen.batch,
                            seed=chosen.seed) as model:
        engine.view = model.gradient_view()
        ranks.train(model, engine, data, chosen.epochs, chosen.batch, chosen.seed)
        assert engine.own >= model.steps_taken > 0 and bool(engine.borrowed) == (name == "batch")
        parameters = hashlib.sha256(b"".join(array.tobytes() for key, array in model.state_views().items()
                                             if ".running_" not in key and "num_batches" not in key))
        return f"{name} {ranks.hash_weights(model)} {parameters.hexdigest()}\n"


def main(kind, folder, results, *options):
    engine = train_gloo.Gloo() if kind == "gloo" else train_mpi4py.Mpi()
    with open(pathlib.Path(results) / str(engine.rank), "w", encoding="utf-8") as file:
        for name in (*rank_runs.NORMS, "local"):
            file.write(train(engine, name, folder, options))
    if kind == "gloo":
        train_gloo.end()


main(*sys.argv[1:])
