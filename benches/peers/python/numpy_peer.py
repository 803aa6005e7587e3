"""NumPy, the two-layer net in fixed layers as in the tutorial, and matrix products."""

import numpy as np

from common import noise, serve, step


class Affine:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dy):
        self.dw, self.db = self.x.T @ dy, dy.sum(0)
        return dy @ self.w.T


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        y = x.copy()
        y[self.mask] = 0
        return y

    def backward(self, dy):
        dy[self.mask] = 0
        return dy


class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(1, keepdims=True))
        self.y, self.t = e / e.sum(1, keepdims=True), t
        return -np.log(self.y[np.arange(len(t)), t]).mean()

    def backward(self):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dx / len(self.t)


class Net:
    def __init__(self, *layers):
        self.layers, self.last = layers, SoftmaxWithLoss()

    def step(self, x, t, lr):
        for layer in self.layers:
            x = layer.forward(x)
        loss = self.last.forward(x, t)
        d = self.last.backward()
        for layer in reversed(self.layers):
            d = layer.backward(d)
        for layer in self.layers:
            if hasattr(layer, "w"):
                layer.w -= lr * layer.dw
                layer.b -= lr * layer.db
        return loss


def two_layer():
    x, t = noise((100, 784), 1), np.arange(100) % 10
    linear = lambda n, m, seed, scale: Affine(noise((m, n), seed, scale).T.copy(), noise((m,), seed + 1, scale))
    net = Net(linear(784, 50, 2, 0.05), Relu(), linear(50, 10, 4, 0.1))
    return step(lambda: net.step(x, t, np.float32(0.1)))


def matmul(dtype, form, m, k, n):
    dtype = {"f32": np.float32, "f64": np.float64}[dtype]
    a = noise((k, m), 1, dtype=dtype).T if form[0] == "T" else noise((m, k), 1, dtype=dtype)
    b = noise((n, k), 2, dtype=dtype).T if form[1] == "T" else noise((k, n), 2, dtype=dtype)
    call = lambda: a @ b
    y = call()
    return [(y * y).mean(), y.flat[0], y.flat[-1]], call


def make(case):
    name, *rest = case.split()
    if name == "two-layer":
        return two_layer()
    if name == "matmul":
        return matmul(rest[0], rest[1], *map(int, rest[2:]))


if __name__ == "__main__":
    serve(make)
