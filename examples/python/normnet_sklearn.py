# SPDX-License-Identifier: MIT
"""normnet's networks as a classifier of scikit-learn.

    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score
    from normnet_sklearn import NormNetClassifier

    digits = load_digits()
    print(cross_val_score(NormNetClassifier("batch", random_state=0), digits.images, digits.target))

It can be copied with normnet.py, and works wherever scikit-learn takes a classifier: in pipelines, grid searches,
cross-validation and ensembles.
"""
import contextlib
import re
import time
from collections.abc import Mapping
from numbers import Integral

import joblib
import numpy
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

import normnet

#: The library's default network pools twice and needs as many pixels on each side.
SMALLEST_SIDE = 8
#: The library's limit for the channels of an image; a feature without a place is a channel of one pixel.
MOST_FEATURES = 4096
#: The library's default.
MOMENTUM = 0.9
#: The fields of normnet_config that are parameters, and what they are called here.
PARAMETERS = {"threads": "n_jobs", "max_batch": "batch_size", "max_lr": "lr", "total_steps": "epochs",
              "seed": "random_state", **{name: name for name in (
                  "norm", "architecture", "lr", "dropout", "l1", "l2", "label_smoothing")}}
#: Those that follow from the data and the method.
DERIVED = ("channels", "height", "width", "classes", "input_mean", "input_std", "schedule")
#: The parameters that a network keeps, and those that its training keeps.
NETWORK, TRAINING = ("norm", "architecture", "image_shape"), ("dropout", "l1", "l2", "label_smoothing", "config")
#: As many images at a time are converted to float32 for a prediction.
CHUNK = 1024


class NormNetClassifier(ClassifierMixin, BaseEstimator):
    """A small network with batch, group, layer, instance or RMS norm, or none, trained by SGD.

    X are images or rows of features, of any type of numbers:

        n x height x width               images of one channel
        n x channels x height x width    images, as PyTorch has them
        n x features                     features without a place, of which each is standardized by itself; or with
                                         `image_shape`, the same images as rows

    Each channel is standardized by its mean and standard deviation in the first call of fit() or partial_fit(). y are
    labels of any type that scikit-learn takes. With an integer as `random_state` a fit has the same bits on every
    machine, for any n_jobs.

    Parameters
    ----------
    norm : "layer" (default), "batch", "group", "instance", "rms" or "none"; what the word `norm` means
    architecture : the layers, as include/normnet.h describes them, for example
        "conv3-16 norm relu maxpool2 conv3-32 norm relu gap conv1-10". None (default) is a network of 7,700 parameters
        for images of at least 8 x 8 pixels, which needs one of the norms but "instance"; for others a perceptron with
        one hidden layer
    image_shape : (height, width) or (channels, height, width), if the rows of X are images. None (default) otherwise
    epochs : passes over X in fit() [20]
    batch_size : images per step [64]; batches of a pass differ by one image at most
    lr : learning rate: in fit() the peak of a one-cycle schedule, in partial_fit() constant [0.02]
    dropout : share of the values that layers `dropout` set to zero [0.03]
    l1, l2 : penalties on the weights [0]; l2 is PyTorch's weight_decay
    label_smoothing : share of the target that is spread over all classes [0]
    n_jobs : threads; None (default) is 1, -1 one per processor, -2 one for all processors but one, ...
    random_state : of the initial weights, the order of the images and dropout; used when a network is made
    verbose : whether to print a line with the time left after each epoch [False]
    config : a dict of other fields of normnet_config, for example {"groups": 2, "clip_norm": 1}

    After set_params(), partial_fit() goes on with another lr, batch_size, n_jobs or momentum (in config). ValueError
    for another norm, architecture or image_shape, and from the second call on for other values of dropout, l1, l2,
    label_smoothing or config: only fit() makes a new network.

    Attributes
    ----------
    model_ : the normnet.Model, for example to save it or to export it as ONNX
    classes_ : the labels, sorted; class i of model_ is classes_[i]
    image_shape_ : (channels, height, width) of an image of model_
    loss_curve_ : the mean loss per image in each pass so far
    n_features_in_, feature_names_in_ : as scikit-learn defines them
    """

    def __init__(self, norm="layer", *, architecture=None, image_shape=None, epochs=20, batch_size=64, lr=0.02,
                 dropout=0.03, l1=0.0, l2=0.0, label_smoothing=0.0, n_jobs=None, random_state=None, verbose=False,
                 config=None):
        self.norm = norm
        self.architecture = architecture
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.label_smoothing = label_smoothing
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.config = config

    # -- training

    def fit(self, X, y):
        """Trains a new network on images and their labels. Returns self."""
        epochs, batch_size = _count(self.epochs, "epochs"), _count(self.batch_size, "batch_size")
        images, y = self._training_data(X, y, first=True)
        classes, targets = numpy.unique(y, return_inverse=True)
        self._begin(images, classes, schedule="one_cycle", max_lr=self.lr,
                    total_steps=epochs * _steps(len(images), batch_size))
        begin = time.monotonic()
        for epoch in range(1, epochs + 1):
            accuracy = self._train_epoch(images, targets)
            if self.verbose:
                left = (time.monotonic() - begin) / epoch * (epochs - epoch)
                print(f"epoch {epoch}/{epochs}: loss {self.loss_curve_[-1]:.4f}, accuracy {100 * accuracy:.2f}%, "
                      f"{left:.0f} s left", flush=True)
        return self

    def partial_fit(self, X, y, classes=None):
        """Trains the network with one pass over some images, at a constant learning rate. Returns self.

        The first call needs `classes`, all labels that there will be, unless fit() has been called before. ValueError
        for a parameter that has changed since the network was made and cannot be changed in it.
        """
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise ValueError("classes is None; expected all labels in the first call of partial_fit()")
        if not first and classes is not None and not numpy.array_equal(self.classes_, numpy.unique(classes)):
            raise ValueError(f"classes is {classes!r}; expected {self.classes_}, those of the first call")
        _count(self.batch_size, "batch_size")
        images, y = self._training_data(X, y, first=first)
        known = numpy.unique(classes) if first else self.classes_
        unknown = numpy.setdiff1d(y, known)
        if unknown.size:
            raise ValueError(f"y has the label {unknown[0]}, which is not one of the classes {known}")
        if first:
            self._begin(images, known, schedule="constant")
        elif self.model_.config.schedule != normnet.Schedule.CONSTANT:
            self._leave_cycle()
        else:
            self._go_on()
        self._train_epoch(images, numpy.searchsorted(known, y))
        return self

    def _training_data(self, X, y, first):
        """(images, labels): n x channels x height x width and n."""
        rows, shape = _rows(X)
        rows, y = validate_data(self, rows, y, reset=first)
        check_classification_targets(y)
        if first:
            self.image_shape_ = self._shape_of_images(rows, shape)
        return self._images(rows, shape), y

    def _shape_of_images(self, rows, shape):
        """What image_shape_ becomes."""
        features = rows.shape[1]
        if self.image_shape is None and shape is None:
            if features > MOST_FEATURES:
                raise ValueError(f"X has {features} features; expected at most {MOST_FEATURES}, or images and"
                                 " their image_shape")
            return features, 1, 1
        if self.image_shape is None:
            return shape
        given = tuple(self.image_shape) if numpy.iterable(self.image_shape) else ()
        if len(given) not in (2, 3) or not all(isinstance(side, Integral) and side > 0 for side in given):
            raise ValueError(f"image_shape is {self.image_shape!r}; expected (height, width) or"
                             " (channels, height, width)")
        given = (1,) * (3 - len(given)) + given
        if (shape or given) != given or int(numpy.prod(given)) != features:
            raise ValueError(f"image_shape is {self.image_shape!r}; X has {features} values per image"
                             + (f" of shape {shape}" if shape else ""))
        return given

    def _images(self, rows, shape):
        """Rows as images of the network."""
        if shape is not None and shape != self.image_shape_:
            raise ValueError(f"the images of X have the shape {shape}; expected {self.image_shape_}, that of fit()")
        if rows.dtype.kind == "f" and rows.dtype.itemsize > 4 and rows.size:
            largest = max(rows.max(), -rows.min())
            if largest > numpy.finfo(numpy.float32).max:
                raise ValueError(f"X has a value of magnitude {largest:g}; expected what float32 can hold")
        return rows.reshape(-1, *self.image_shape_)

    def _begin(self, images, classes, **schedule):
        """A new network for these images and classes, and new random numbers."""
        if len(classes) < 2:
            raise ValueError(f"there is {len(classes)} class; expected at least 2 classes")
        generator = check_random_state(self.random_state)
        mean, std = _moments(images)
        fields = {"seed": int(generator.randint(2**31 - 1)), "classes": len(classes), "input_mean": mean,
                  "input_std": std, **dict(zip(("channels", "height", "width"), map(int, self.image_shape_)))}
        with _value_errors():
            model = normnet.Model(self.norm, **fields, **self._settings(len(classes)), **schedule)
        self.classes_, self.model_, self.loss_curve_ = classes, model, []
        self._generator, self._kept = generator, self._to_keep()

    def _settings(self, classes):
        """The fields of normnet_config that parameters of this estimator stand for."""
        architecture = self.architecture
        if architecture is None and min(self.image_shape_[1:]) < SMALLEST_SIDE:
            architecture = f"flatten fc-64b norm relu dropout fc-{classes}b"
        return {"architecture": architecture, "dropout": self.dropout, "l1": self.l1, "l2": self.l2,
                "label_smoothing": self.label_smoothing, "threads": _threads(self.n_jobs), "lr": self.lr,
                "max_batch": _count(self.batch_size, "batch_size"), "momentum": MOMENTUM, **_other_fields(self.config)}

    def _to_keep(self):
        """What the parameters are that a network and its training keep."""
        kept = {name: getattr(self, name) for name in NETWORK + TRAINING}
        if numpy.iterable(self.image_shape):
            kept["image_shape"] = tuple(self.image_shape)
        kept["config"] = {name: value for name, value in _other_fields(self.config).items() if name != "momentum"}
        return kept

    def _require_kept(self, names):
        """ValueError if one of these parameters has changed since the network was made."""
        now = self._to_keep()
        for name in names:
            if now[name] != self._kept[name]:
                raise ValueError(f"{name} is {now[name]!r}; the network was made with {self._kept[name]!r}, which"
                                 " cannot be changed in it: call fit() for a new network")

    def _leave_cycle(self):
        """Goes on with the weights of fit(), whose one-cycle schedule has ended, at a constant rate."""
        self._require_kept(NETWORK)
        old = self.model_.config
        with _value_errors():
            self.model_ = normnet.Model.deserialize(self.model_.serialize(kind="weights"), norm=self.norm,
                                                    **self._settings(len(self.classes_)), seed=old.seed,
                                                    schedule="constant")
        self._kept = self._to_keep()

    def _go_on(self):
        """Changes in the network what has changed in the parameters."""
        self._require_kept(NETWORK + TRAINING)
        settings, config = self._settings(len(self.classes_)), self.model_.config
        host = {name: settings[name] for name in ("threads", "max_batch")}
        with _value_errors():
            if host != {name: getattr(config, name) for name in host}:
                self.model_ = self.model_.clone(**host)
            self.model_.set_learning_rate(settings["lr"], settings["momentum"])

    def _train_epoch(self, images, targets):
        """One pass in a new order. Returns the share of the images that were right."""
        order = self._generator.permutation(len(images))
        loss = correct = 0
        for batch in numpy.array_split(order, _steps(len(images), self.batch_size)):
            metrics = self.model_.train_step(images[batch].astype(numpy.float32), targets[batch].astype(numpy.int64))
            loss += metrics.loss * metrics.count
            correct += metrics.correct
        self.loss_curve_.append(loss / len(images))
        return correct / len(images)

    # -- prediction

    def predict_proba(self, X):
        """The probabilities of the classes: float32, n x len(classes_)."""
        return self._scores(X, "probabilities")

    def predict_log_proba(self, X):
        """The logarithms of the probabilities, which are exact where probabilities are close to 0."""
        return self._scores(X, "log_probabilities")

    def predict(self, X):
        """The label of the most probable class of each image."""
        best = self._scores(X, "probabilities").argmax(axis=1)
        return self.classes_[best]

    def _scores(self, X, kind):
        check_is_fitted(self)
        rows, shape = _rows(X)
        images = self._images(validate_data(self, rows, reset=False), shape)
        return numpy.concatenate([self.model_.predict(images[first:first + CHUNK].astype(numpy.float32), kind)[0]
                                  for first in range(0, len(images), CHUNK)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


@contextlib.contextmanager
def _value_errors():
    """Errors of the library as ValueError, with the names of parameters in place of its fields."""
    try:
        yield
    except normnet.NormnetError as error:
        message = re.sub(r"\bconfig\.(\w+)", lambda field: PARAMETERS.get(field[1], field[0]), error.message)
        raise ValueError(f"the network cannot be trained: {message}") from error


def _other_fields(config):
    """The parameter `config` as a dict. TypeError or ValueError for what it cannot be."""
    if config is None:
        return {}
    if not isinstance(config, Mapping) or not all(isinstance(name, str) for name in config):
        raise TypeError(f"config is {config!r}; expected a dict of fields of normnet_config")
    for name in config:
        if name in PARAMETERS:
            raise ValueError(f"config has {name!r}; expected it as the parameter {PARAMETERS[name]}")
        if name in DERIVED:
            raise ValueError(f"config has {name!r}; expected none of {', '.join(DERIVED)}, which follow from X and y")
    return dict(config)


def _threads(n_jobs):
    """The number of threads that n_jobs stands for, as in joblib."""
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, Integral) or n_jobs == 0 or abs(n_jobs) >= 2**31:
        raise ValueError(f"n_jobs is {n_jobs!r}; expected None, a number of threads, -1 for one per processor, or -2"
                         " for one less")
    return int(n_jobs) if n_jobs > 0 else max(1, joblib.cpu_count() + 1 + int(n_jobs))


def _count(value, name):
    if not isinstance(value, Integral) or not 1 <= value < 2**31:
        raise ValueError(f"{name} is {value!r}; expected an integer of at least 1, and less than 2^31")
    return int(value)


def _steps(images, batch_size):
    return -(-images // batch_size)


def _rows(X):
    """(rows, shape): X with one row per image, and the (channels, height, width) of images, None for rows."""
    dimensions = X.shape if hasattr(X, "shape") else numpy.asarray(X).shape
    if len(dimensions) not in (3, 4):
        return X, None
    shape = (1,) * (4 - len(dimensions)) + tuple(dimensions[1:])
    return numpy.asarray(X).reshape(dimensions[0], int(numpy.prod(shape))), shape


def _moments(images):
    """Mean and standard deviation of each channel; 1 for one that is constant but for rounding."""
    mean = images.mean(axis=(0, 2, 3), dtype=numpy.float64)
    std = images.std(axis=(0, 2, 3), dtype=numpy.float64)
    std[std <= 1e-7 * numpy.abs(mean)] = 1  # float32 has no more digits
    std[std < 1e-30] = 1  # the library's smallest
    return mean.tolist(), std.tolist()
