"""PyTorch, eager or (argument `compiled`) by torch.compile."""

import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

from common import noise, serve, step

torch.set_num_threads(int(os.environ["THREADS"]))
COMPILED = "compiled" in sys.argv


def tensor(*args, **kw):
    return torch.from_numpy(noise(*args, **kw))


def leaf(*args, **kw):
    return tensor(*args, **kw).requires_grad_()


def constant(shape, value):
    return torch.full(shape, value).requires_grad_()


def labels(n):
    return torch.arange(n) % 10


def training(parameters, loss, optimizer):
    loss = torch.compile(loss) if COMPILED else loss

    def call():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value.detach()

    return step(call)


def linear(n, m, seed, scale):
    return [leaf((m, n), seed, scale), leaf((m,), seed + 1, scale)]


def two_layer():
    x, y, p = tensor((100, 784), 1), labels(100), linear(784, 50, 2, 0.05) + linear(50, 10, 4, 0.1)
    return training(
        p,
        lambda: F.cross_entropy(F.linear(torch.relu(F.linear(x, p[0], p[1])), p[2], p[3]), y),
        torch.optim.SGD(p, lr=0.1, fused=True),
    )


def mlp_adam():
    x, y = tensor((512, 784), 1), labels(512)
    p = linear(784, 1024, 2, 0.03) + linear(1024, 1024, 4, 0.03) + linear(1024, 10, 6, 0.03)

    def loss():
        h = torch.relu(F.linear(x, p[0], p[1]))
        return F.cross_entropy(F.linear(torch.relu(F.linear(h, p[2], p[3])), p[4], p[5]), y)

    return training(p, loss, torch.optim.Adam(p, lr=1e-5, fused=True))


def convnet():
    x, y = tensor((100, 1, 28, 28), 1), labels(100)
    p = [leaf((30, 1, 5, 5), 2, 0.1), leaf((30,), 3, 0.1)] + linear(4320, 100, 4, 0.02) + linear(100, 10, 6, 0.1)

    def loss():
        h = F.max_pool2d(torch.relu(F.conv2d(x, p[0], p[1])), 2).flatten(1)
        return F.cross_entropy(F.linear(torch.relu(F.linear(h, p[2], p[3])), p[4], p[5]), y)

    return training(p, loss, torch.optim.SGD(p, lr=0.01, fused=True))


def transformer():
    b, s, d, h = 16, 64, 128, 4
    x = tensor((b, s, d), 1)
    p = linear(d, 3 * d, 2, 0.1) + linear(d, d, 4, 0.1) + linear(d, 4 * d, 6, 0.1) + linear(4 * d, d, 8, 0.05)
    p += [constant((d,), 1.0), constant((d,), 0.0), constant((d,), 1.0), constant((d,), 0.0)]

    def loss():
        qkv = F.linear(F.layer_norm(x, (d,), p[8], p[9]), p[0], p[1])
        q, k, v = qkv.view(b, s, 3, h, d // h).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, s, d)
        y = x + F.linear(attended, p[2], p[3])
        y = y + F.linear(F.gelu(F.linear(F.layer_norm(y, (d,), p[10], p[11]), p[4], p[5])), p[6], p[7])
        return y.square().mean()

    return training(p, loss, torch.optim.SGD(p, lr=0.01, fused=True))


def chain():
    x, a, b = constant((1,), 0.5), torch.tensor([0.9]), torch.tensor([0.1])

    def call():
        z = x
        for _ in range(500):
            z = z * a + b
        return torch.autograd.grad(z, x)[0]

    return [call().item()], call


def elementwise(n):
    inputs = [leaf((n,), seed) for seed in (1, 2, 3)]
    value = lambda x, w, b: (torch.tanh(x * w + b) * torch.sigmoid(x)).sum()
    value = torch.compile(value) if COMPILED else value
    call = lambda: torch.autograd.grad(value(*inputs), inputs)
    return [value(*inputs).item()] + [g.sum().item() for g in call()], call


def matmul(dtype, form, m, k, n):
    dtype = {"f32": np.float32, "f64": np.float64}[dtype]
    a = tensor((k, m), 1, dtype=dtype).T if form[0] == "T" else tensor((m, k), 1, dtype=dtype)
    b = tensor((n, k), 2, dtype=dtype).T if form[1] == "T" else tensor((k, n), 2, dtype=dtype)
    call = lambda: a @ b
    return few(call()), call


def bmm(count, m, k, n):
    a, b = tensor((count, m, k), 1), tensor((count, k, n), 2)
    call = lambda: a @ b
    return few(call()), call


def few(y):
    y = y.flatten()
    return [y.square().mean().item(), y[0].item(), y[-1].item()]


def reduction(axis, op):
    x, axis = tensor((1024, 1024), 1), {"rows": 1, "columns": 0}[axis]
    one, zero = torch.ones(1024), torch.zeros(1024)
    call = {
        "sum": lambda: x.sum(axis),
        "mean": lambda: x.mean(axis),
        "var": lambda: x.var(axis),
        "softmax": lambda: torch.softmax(x, axis),
        "log_softmax": lambda: torch.log_softmax(x, axis),
        "layer_norm": lambda: F.layer_norm(x, (1024,), one, zero),
    }[op]
    return few(call()), call


def conv2d(n, channels, size, kernel, stride):
    x, w = leaf((n, channels, size, size), 1), leaf((64, channels, kernel, kernel), 2, 0.05)
    call = lambda: torch.autograd.grad(F.conv2d(x, w, stride=stride, padding=kernel // 2).sum(), [x, w])
    return [v for g in call() for v in few(g)], call


def make(case):
    name, *rest = case.split()
    numbers = [int(word) for word in rest if word.isdigit()]
    if COMPILED and name not in ("two-layer", "mlp-adam", "convnet", "transformer", "elementwise"):
        return None
    torch._dynamo.reset()
    match name:
        case "matmul":
            return matmul(rest[0], rest[1], *numbers)
        case "bmm":
            return bmm(*numbers)
        case "two-layer":
            return two_layer()
        case "mlp-adam":
            return mlp_adam()
        case "chain":
            return chain()
        case "elementwise":
            return elementwise(*numbers)
        case "rows" | "columns":
            return reduction(name, rest[0])
        case "convnet":
            return convnet()
        case "conv2d":
            return conv2d(*numbers)
        case "transformer":
            return transformer()


serve(make)
