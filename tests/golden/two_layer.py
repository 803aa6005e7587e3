"""Golden values of the two-layer net that is a fixed chain of layer objects, for tests of the tape.

The net is that of "Deep Learning from Scratch", chapter 5: affine, ReLU, affine, softmax with loss, kept in an
ordered dictionary that is walked forwards and then in reverse. Written anew; needs only NumPy; writes two_layer.txt
beside itself, the same bytes at every run.

Format: one tensor a line, `name sizes... | values...`, row-major, each value as the shortest text that reads back as
the same float64. A scalar has no sizes. Lines that begin with `#` are comments.

Two differences from the text, both on purpose:
* the text adds 1e-7 inside the logarithm of the loss to survive a probability of zero; here the loss is exact, and
  computed as a log-softmax, which needs no such guard;
* its weights are 0.01 times standard normal and its biases zero, which hides errors behind small numbers; here they
  are 0.3 and 0.1 times standard normal.

Sums are rounded once (math.fsum), so that no processor's order of additions is in the golden values.
"""

import math
from collections import OrderedDict
from operator import mul
from pathlib import Path

import numpy as np

# A pre-activation this close to the kink of ReLU could fall on its other side with other rounding.
KINK = 1e-6


def dot(a, b):
    """The matrix product, each entry rounded as if summed exactly: [n, k] x [k, m] -> [n, m]."""
    rows, columns = a.tolist(), b.T.tolist()
    return np.array([[math.fsum(map(mul, row, column)) for column in columns] for row in rows])


def column_sums(a):
    return np.array([math.fsum(column) for column in a.T.tolist()])


class Affine:
    """y = x W + b."""

    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def forward(self, x):
        self.x = x
        return dot(x, self.weight) + self.bias

    def backward(self, dy):
        self.d_weight, self.d_bias = dot(self.x.T, dy), column_sums(dy)
        return dot(dy, self.weight.T)


class Relu:
    """y = max(x, 0)."""

    def forward(self, x):
        assert np.abs(x).min() > KINK, "an input near the kink: choose another seed"
        self.positive = x > 0
        return np.where(self.positive, x, 0.0)

    def backward(self, dy):
        return np.where(self.positive, dy, 0.0)


class SoftmaxWithLoss:
    """Mean cross-entropy of softmax(x) against t, one-hot rows or class indices."""

    def forward(self, x, t):
        shifted = x - x.max(axis=1, keepdims=True)
        log_sums = [math.log(math.fsum(map(math.exp, row))) for row in shifted.tolist()]
        log_y = shifted - np.array(log_sums)[:, None]
        self.y = np.array([[math.exp(value) for value in row] for row in log_y.tolist()])
        self.t = t
        picked = log_y * t if t.ndim == 2 else log_y[np.arange(len(t)), t]
        return -math.fsum(picked.ravel().tolist()) / len(x)

    def backward(self):
        if self.t.ndim == 2:
            return (self.y - self.t) / len(self.t)
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1.0
        return dx / len(self.t)


class TwoLayerNet:
    def __init__(self, params, second_relu=False):
        self.layers = OrderedDict(
            affine1=Affine(params["W1"], params["b1"]),
            relu1=Relu(),
            affine2=Affine(params["W2"], params["b2"]),
        )
        if second_relu:
            self.layers["relu2"] = Relu()
        self.last = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.last.forward(self.predict(x), t)

    def accuracy(self, x, t):
        t = t.argmax(axis=1) if t.ndim == 2 else t
        return float(np.mean(self.predict(x).argmax(axis=1) == t))

    def gradient(self, x, t):
        self.loss(x, t)
        d = self.last.backward()
        for layer in reversed(self.layers.values()):
            d = layer.backward(d)
        first, second = self.layers["affine1"], self.layers["affine2"]
        return {"dW1": first.d_weight, "db1": first.d_bias, "dW2": second.d_weight, "db2": second.d_bias, "dx": d}


def results(net, x, t):
    return {"logits": net.predict(x), "loss": net.loss(x, t), "accuracy": net.accuracy(x, t), **net.gradient(x, t)}


def check_by_differences(params, second_relu, x, t, found):
    """The gradients against central differences, so that no golden value rests on the rules alone."""
    inputs = {**params, "x": x}
    for name, value in inputs.items():
        for i in np.ndindex(value.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = {key: array.copy() for key, array in inputs.items()}
                moved[name][i] += step
                ends.append(TwoLayerNet(moved, second_relu).loss(moved["x"], t))
            slope = (ends[0] - ends[1]) / 2e-5
            assert abs(slope - found["d" + name][i]) < 1e-9, (name, i, slope, found["d" + name][i])


def small_cases():
    """a: one-hot targets; b: the same as class indices; c: a second ReLU after the last affine layer."""
    # RandomState and not Generator: its streams are frozen. Four digits are enough and keep the file readable.
    random = np.random.RandomState(5)

    def normal(scale, *shape):
        return np.round(scale * random.standard_normal(shape), 4)

    params = {"W1": normal(0.3, 7, 5), "b1": normal(0.1, 5), "W2": normal(0.3, 5, 3), "b2": normal(0.1, 3)}
    x, classes = normal(1.0, 4, 7), np.array([2, 0, 1, 2])
    one_hot = np.eye(3)[classes]

    plain = results(TwoLayerNet(params), x, one_hot)
    indexed = results(TwoLayerNet(params), x, classes)
    quirk = results(TwoLayerNet(params, second_relu=True), x, one_hot)
    assert all(np.array_equal(plain[name], indexed[name]) for name in plain)
    assert (quirk["logits"] == 0).any() and (quirk["logits"] > 0).any(), "the second ReLU does nothing"
    check_by_differences(params, False, x, one_hot, plain)
    check_by_differences(params, True, x, one_hot, quirk)

    yield "# a: 7-5-3, batch 4, one-hot targets. b: the same targets as class indices, for the same results."
    yield from entries("a", {"x": x, "t": one_hot, **params, **plain})
    yield from entries("b", {"t": classes})
    yield "# c: inputs and weights of a, with a second ReLU after the last affine layer; its outputs are the logits."
    yield from entries("c", quirk)


def formula(modulus, a, b, shape):
    """((a i^2 + b i) mod modulus) / modulus for the flat index i: in [0, 1), and the same bits in any language."""
    return np.array([(a * i * i + b * i) % modulus / modulus for i in range(math.prod(shape))]).reshape(shape)


def large_case():
    """d: the size of the text's net for digits; inputs by formula, gradients as sums and single entries."""
    x = formula(10007, 37, 7919, (100, 784))
    params = {
        "W1": 0.2 * (formula(10009, 53, 4001, (784, 50)) - 0.5),
        "b1": 0.2 * (formula(1009, 11, 17, (50,)) - 0.5),
        "W2": formula(1013, 29, 301, (50, 10)) - 0.5,
        "b2": 0.2 * (formula(1019, 7, 101, (10,)) - 0.5),
    }
    classes = np.array([(7 * n + 3) % 10 for n in range(100)])
    found = results(TwoLayerNet(params), x, classes)
    assert found["loss"] < 5.0 and all(np.abs(found[name]).max() > 1e-3 for name in found if name[0] == "d")

    yield "# d: 784-50-10, batch 100. With u(p, a, b)[i] = ((a*i*i + b*i) mod p) / p for the flat index i:"
    yield "#   x = u(10007, 37, 7919), W1 = 0.2*(u(10009, 53, 4001) - 0.5), b1 = 0.2*(u(1009, 11, 17) - 0.5),"
    yield "#   W2 = u(1013, 29, 301) - 0.5, b2 = 0.2*(u(1019, 7, 101) - 0.5), t[n] = (7*n + 3) mod 10."
    yield "# wsum is the sum of entry i times cos(0.11*i), entries are those at the flat indices of at."
    yield from entries("d", {"loss": found["loss"], "accuracy": found["accuracy"]})
    for name in ("logits", "dW1", "db1", "dW2", "db2", "dx"):
        yield from entries(f"d/{name}", digest(found[name].ravel().tolist()))


def digest(values):
    at = sorted({round(k * (len(values) - 1) / 7) for k in range(8)})
    return {
        "sum": math.fsum(values),
        "wsum": math.fsum(value * math.cos(0.11 * i) for i, value in enumerate(values)),
        "at": np.array(at),
        "entries": np.array([values[i] for i in at]),
    }


def entries(prefix, tensors):
    for name, tensor in tensors.items():
        tensor = np.asarray(tensor, dtype=float)
        head = " ".join([f"{prefix}/{name}", *map(str, tensor.shape)])
        yield f"{head} | {' '.join(map(repr, tensor.ravel().tolist()))}"


def main():
    lines = ["# Written by two_layer.py; do not edit.", *small_cases(), *large_case()]
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
