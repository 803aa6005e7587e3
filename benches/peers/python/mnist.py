"""NumPy's or PyTorch's whole training of the tutorial: `mnist.py numpy|torch DIRECTORY ITERATIONS` prints the accuracy on the test images."""

import gzip
import os
import sys
from pathlib import Path

import numpy as np


def read(path):
    """An IDX file's numbers, gzipped or not."""
    data = gzip.open(f"{path}.gz").read() if Path(f"{path}.gz").exists() else path.read_bytes()
    sizes = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, -1, 4 + 4 * len(sizes)).reshape(sizes)


def mnist(directory):
    sets = []
    for name in ("train", "t10k"):
        images = read(Path(directory) / f"{name}-images-idx3-ubyte")
        sets.append((images.reshape(len(images), -1).astype(np.float32) / 255, read(Path(directory) / f"{name}-labels-idx1-ubyte").astype(np.int64)))
    return sets


def initial(rng):
    normal = lambda *shape: 0.01 * rng.standard_normal(shape, np.float32)
    return [normal(784, 50), np.zeros(50, np.float32), normal(50, 10), np.zeros(10, np.float32)]


def train_numpy(train, test, iterations):
    from numpy_peer import Affine, Net, Relu

    rng = np.random.default_rng(1)
    w1, b1, w2, b2 = initial(rng)
    net = Net(Affine(w1, b1), Relu(), Affine(w2, b2))

    def accuracy(x, t):
        for layer in net.layers:
            x = layer.forward(x)
        return (x.argmax(1) == t).mean()

    for i in range(iterations):
        chosen = rng.choice(len(train[0]), 100)
        net.step(train[0][chosen], train[1][chosen], np.float32(0.1))
        if i % 600 == 0:
            accuracy(*train), accuracy(*test)
    return accuracy(*test)


def train_torch(train, test, iterations):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(int(os.environ["THREADS"]))
    train, test = [[torch.from_numpy(part) for part in one] for one in (train, test)]
    p = [torch.from_numpy(x).requires_grad_() for x in initial(np.random.default_rng(1))]
    sgd = torch.optim.SGD(p, lr=0.1, fused=True)
    scores = lambda x: torch.relu(x @ p[0] + p[1]) @ p[2] + p[3]

    @torch.no_grad()
    def accuracy(x, t):
        return (scores(x).argmax(1) == t).float().mean().item()

    for i in range(iterations):
        chosen = torch.randint(len(train[0]), (100,))
        sgd.zero_grad()
        F.cross_entropy(scores(train[0][chosen]), train[1][chosen]).backward()
        sgd.step()
        if i % 600 == 0:
            accuracy(*train), accuracy(*test)
    return accuracy(*test)


if __name__ == "__main__":
    who, directory, iterations = sys.argv[1:]
    print({"numpy": train_numpy, "torch": train_torch}[who](*mnist(directory), int(iterations)))
