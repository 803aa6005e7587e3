"""JAX with jit, on the CPU."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from common import noise, serve, step


def linear(n, m, seed, scale):
    return [noise((m, n), seed, scale), noise((m,), seed + 1, scale)]


def affine(x, w, b):
    return x @ w.T + b


def cross_entropy(scores, labels):
    logs = jax.nn.log_softmax(scores)
    return -jnp.mean(jnp.take_along_axis(logs, labels[:, None], 1))


def training(p, loss, lr):
    @jax.jit
    def update(p):
        value, g = jax.value_and_grad(loss)(p)
        return value, [a - lr * b for a, b in zip(p, g)]

    state = [jnp.asarray(a) for a in p]

    def call():
        nonlocal state
        value, state = update(state)
        return jax.block_until_ready((value, state))[0]

    return step(call)


def two_layer():
    x, y = noise((100, 784), 1), np.arange(100) % 10
    p = linear(784, 50, 2, 0.05) + linear(50, 10, 4, 0.1)
    loss = lambda p: cross_entropy(affine(jax.nn.relu(affine(x, p[0], p[1])), p[2], p[3]), y)
    return training(p, loss, 0.1)


def mlp(p, x):
    h = jax.nn.relu(affine(x, p[0], p[1]))
    return affine(jax.nn.relu(affine(h, p[2], p[3])), p[4], p[5])


def mlp_adam():
    x, y = noise((512, 784), 1), np.arange(512) % 10
    p = linear(784, 1024, 2, 0.03) + linear(1024, 1024, 4, 0.03) + linear(1024, 10, 6, 0.03)

    @jax.jit
    def update(p, m, v, t):
        value, g = jax.value_and_grad(lambda p: cross_entropy(mlp(p, x), y))(p)
        t = t + 1
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g)]
        move = lambda a, m, v: a - 1e-5 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
        return value, [move(*z) for z in zip(p, m, v)], m, v, t

    zeros = lambda: [jnp.zeros(a.shape, jnp.float32) for a in p]
    state = [[jnp.asarray(a) for a in p], zeros(), zeros(), jnp.float32(0)]

    def call():
        nonlocal state
        value, *state = update(*state)
        jax.block_until_ready(state)
        return value

    return step(call)


def convnet():
    x, y = noise((100, 1, 28, 28), 1), np.arange(100) % 10
    p = [noise((30, 1, 5, 5), 2, 0.1), noise((30,), 3, 0.1)] + linear(4320, 100, 4, 0.02) + linear(100, 10, 6, 0.1)

    def loss(p):
        h = jax.nn.relu(lax.conv_general_dilated(x, p[0], (1, 1), "VALID") + p[1][:, None, None])
        h = h.reshape(100, 30, 12, 2, 12, 2).max((3, 5)).reshape(100, -1)
        return cross_entropy(affine(jax.nn.relu(affine(h, p[2], p[3])), p[4], p[5]), y)

    return training(p, loss, 0.01)


def transformer():
    b, s, d, h = 16, 64, 128, 4
    x = noise((b, s, d), 1)
    p = linear(d, 3 * d, 2, 0.1) + linear(d, d, 4, 0.1) + linear(d, 4 * d, 6, 0.1) + linear(4 * d, d, 8, 0.05)
    p += [np.ones(d, np.float32), np.zeros(d, np.float32)] * 2

    def norm(x, g, b):
        d = x - x.mean(-1, keepdims=True)
        return d * lax.rsqrt((d * d).mean(-1, keepdims=True) + 1e-5) * g + b

    def loss(p):
        qkv = affine(norm(x, p[8], p[9]), p[0], p[1])
        q, k, v = qkv.reshape(b, s, 3, h, d // h).transpose(2, 0, 3, 1, 4)
        attended = jax.nn.softmax(q @ k.swapaxes(-1, -2) * (d // h) ** -0.5) @ v
        y = x + affine(attended.swapaxes(1, 2).reshape(b, s, d), p[2], p[3])
        y = y + affine(jax.nn.gelu(affine(norm(y, p[10], p[11]), p[4], p[5]), approximate=False), p[6], p[7])
        return jnp.square(y).mean()

    return training(p, loss, 0.01)


def elementwise(n):
    inputs = [jnp.asarray(noise((n,), seed)) for seed in (1, 2, 3)]
    value = lambda x, w, b: (jnp.tanh(x * w + b) * jax.nn.sigmoid(x)).sum()
    gradients = jax.jit(jax.grad(value, argnums=(0, 1, 2)))
    call = lambda: jax.block_until_ready(gradients(*inputs))
    return [float(value(*inputs))] + [float(g.sum()) for g in call()], call


CASES = {"two-layer": two_layer, "mlp-adam": mlp_adam, "convnet": convnet, "transformer": transformer}


def make(case):
    name, *rest = case.split()
    if name == "elementwise":
        return elementwise(int(rest[0]))
    return CASES[name]() if name in CASES else None


serve(make)
