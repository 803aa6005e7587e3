"""Golden values of losses, and their gradients, from PyTorch in float64; the hinge loss, which PyTorch has not, by its formula.

Needs PyTorch and NumPy; writes torch_losses.txt beside itself, the same bytes at every run.

Format: one tensor a line, `case/what sizes... | values...`, row-major; a scalar has no sizes. Lines that begin with `#` are
comments. What: `x0`, `x1`, ... the inputs; `i0` class indices; `w0`, `w1` weights; and for each reduction, mean, sum and none,
`mean/y` the loss and `mean/g0`, `mean/g1`, ... the gradients by those inputs that have one, of the sum of the losses with
weights 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 1, 1.25, ... Inputs are written as the shortest text that reads back as the same
float64, results with 14 digits.
"""

import math
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
warnings.filterwarnings("ignore", message="reduction: 'mean' divides")
numbers = np.random.default_rng(11)
INF = math.inf


def draw(*shape, low=-2.0, high=2.0):
    """Numbers of three decimals, no two alike."""
    n = math.prod(shape)
    grid = np.round(np.linspace(low, high, n + 2)[1:-1] + numbers.uniform(-0.2, 0.2, n) * (high - low) / (n + 1), 3)
    return numbers.permutation(grid).reshape(shape)


def distributions(*shape, axis):
    p = draw(*shape, low=0.1, high=1.0)
    return p / p.sum(axis=axis, keepdims=True)


def case(function, *xs, i=None, w=(), by=None):
    """A loss of `xs`, differentiated by the first `by` of them."""
    return function, [np.asarray(x, dtype=np.float64) for x in xs], i, [np.asarray(v) for v in w], len(xs) if by is None else by


def classes(shape, n):
    return np.asarray((np.arange(math.prod(shape)) * 3 + 1) % n).reshape(shape)


def entropy(**options):
    return lambda x, i, w, r: F.cross_entropy(x, i, weight=w[0] if w else None, reduction=r, **options)


def likelihood(**options):
    return lambda x, i, w, r: F.nll_loss(x, i, weight=w[0] if w else None, reduction=r, **options)


def soft_entropy(**options):
    return lambda x, t, w, r: F.cross_entropy(x, t, weight=w[0] if w else None, reduction=r, **options)


def embedded(x1, x2, i, w, r):
    return F.cosine_embedding_loss(x1, x2, 2 * i - 1, margin=0.2, reduction=r)


def hinge(x, t, w, r):
    y = (1.5 - t * x).clamp_min(0.0)
    return {"mean": y.mean, "sum": y.sum, "none": lambda: y}[r]()


def triplet(**options):
    return lambda a, p, n, w, r: F.triplet_margin_loss(a, p, n, reduction=r, **options)


def paired(function, **options):
    return lambda x, t, w, r: function(x, t, reduction=r, **options)


FAR = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4 - 1.0], [-INF, 0.5, -0.5], [1e4, -INF, 1e4]])
SIGNS = np.sign(draw(3, 4))
TIED, TARGET = draw(3, 4), draw(3, 4)
TARGET[0] = TIED[0]


def cases():
    x, i, w = draw(4, 5), classes([4], 5), draw(5, low=0.2, high=2.0)
    yield "cross_entropy", case(entropy(), x, i=i)
    yield "cross_entropy_weight", case(entropy(), x, i=i, w=[w])
    yield "cross_entropy_ignore", case(entropy(ignore_index=2), x, i=i)
    yield "cross_entropy_ignore_outside", case(entropy(ignore_index=9), x, i=np.array([9, 0, 9, 3]))
    yield "cross_entropy_ignore_all", case(entropy(ignore_index=9), x, i=np.array([9, 9, 9, 9]))
    yield "cross_entropy_smooth", case(entropy(label_smoothing=0.1), x, i=i)
    yield "cross_entropy_smooth_ignore", case(entropy(label_smoothing=0.1, ignore_index=2), x, i=i)
    yield "cross_entropy_all", case(entropy(label_smoothing=0.3, ignore_index=4), x, i=i, w=[w])
    yield "cross_entropy_one", case(entropy(), draw(5), i=np.array(3))
    yield "cross_entropy_none", case(entropy(), draw(0, 5), i=np.zeros(0, dtype=np.int64))
    yield "cross_entropy_image", case(entropy(), draw(2, 3, 2, 2), i=classes([2, 2, 2], 3))
    yield "cross_entropy_image_all", case(
        entropy(label_smoothing=0.3, ignore_index=1), draw(2, 3, 4), i=classes([2, 4], 3), w=[draw(3, low=0.2, high=2.0)]
    )
    yield "cross_entropy_far", case(entropy(), FAR, i=np.array([1, 2, 1, 0]))
    yield "cross_entropy_far_weight", case(entropy(), FAR, i=np.array([1, 2, 1, 0]), w=[np.array([0.5, 2.0, 3.0])])
    t = distributions(4, 5, axis=1)
    yield "soft_cross_entropy", case(soft_entropy(), x, t)
    yield "soft_cross_entropy_weight", case(soft_entropy(), x, t, w=[w])
    yield "soft_cross_entropy_all", case(soft_entropy(label_smoothing=0.2), x, t, w=[w])
    yield "soft_cross_entropy_one", case(soft_entropy(), draw(5), distributions(5, axis=0))
    yield "soft_cross_entropy_image", case(soft_entropy(), draw(2, 3, 4), distributions(2, 3, 4, axis=1))
    yield "nll", case(likelihood(), x, i=i)
    yield "nll_weight", case(likelihood(), x, i=i, w=[w])
    yield "nll_ignore", case(likelihood(ignore_index=2), x, i=i)
    yield "nll_all", case(likelihood(ignore_index=9), x, i=np.array([9, 0, 9, 3]), w=[w])
    yield "nll_one", case(likelihood(), draw(5), i=np.array(3))
    yield "nll_image", case(likelihood(ignore_index=1), draw(2, 3, 2, 2), i=classes([2, 2, 2], 3))

    p, t, w = draw(3, 4, low=0.05, high=0.95), draw(3, 4, low=0.0, high=1.0), draw(4, low=0.2, high=2.0)
    yield "bce", case(paired(F.binary_cross_entropy), p, t)
    yield "bce_weight", case(lambda x, t, w, r: F.binary_cross_entropy(x, t, w[0], reduction=r), p, t, w=[w])
    # Without gradients: PyTorch's limit for x (1 - x), 1e-12, is rounded to float32, and it does not limit those by targets.
    edges = [0.0, 1.0, 0.0, 1.0, 1e-50, 0.5]
    yield "bce_edges", case(paired(F.binary_cross_entropy), edges, [0.0, 1.0, 1.0, 0.0, 1.0, 0.25], by=0)
    x = draw(3, 4)

    def logits(x, t, w, r):
        names = {1: ["pos_weight"], 2: ["pos_weight", "weight"]}.get(len(w), [])
        return F.binary_cross_entropy_with_logits(x, t, reduction=r, **dict(zip(names, w, strict=True)))

    yield "bce_with_logits", case(logits, x, t)
    yield "bce_with_logits_pos_weight", case(logits, x, t, w=[w])
    yield "bce_with_logits_both", case(logits, x, t, w=[w, draw(3, 1, low=0.2, high=2.0)])
    far = [1e4, -1e4, 1e4, -1e4, 40.0, -40.0, 745.0, 0.0]
    yield "bce_with_logits_far", case(logits, far, [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.5, 0.5])

    yield "mse", case(paired(F.mse_loss), TIED, TARGET)
    yield "mse_none", case(paired(F.mse_loss), draw(0, 2), draw(0, 2))
    yield "l1", case(paired(F.l1_loss), TIED, TARGET)
    yield "huber", case(paired(F.huber_loss, delta=0.7), TIED, TARGET)
    yield "smooth_l1", case(paired(F.smooth_l1_loss, beta=0.7), TIED, TARGET)
    yield "smooth_l1_of_0", case(paired(F.smooth_l1_loss, beta=0.0), TIED, TARGET)

    logs = np.log(distributions(2, 4, axis=1))
    yield "kl_div", case(paired(F.kl_div), logs, distributions(2, 4, axis=1))
    zeros = np.array([[0.0, 0.25, 0.75, 0.0], [1.0, 0.0, 0.0, 0.0]])
    yield "kl_div_zeros", case(paired(F.kl_div), logs, zeros, by=1)
    yield "kl_div_log_target", case(paired(F.kl_div, log_target=True), logs, np.log(distributions(2, 4, axis=1)))

    yield "hinge", case(hinge, draw(3, 4), SIGNS, by=1)
    alike = (SIGNS > 0).astype(np.int64)
    yield "hinge_embedding", case(
        lambda x, i, w, r: F.hinge_embedding_loss(x, (2 * i - 1).to(x.dtype), margin=1.3, reduction=r),
        draw(3, 4, low=0.0, high=3.0),
        i=alike,
    )
    yield "cosine_embedding", case(embedded, draw(6, 3), draw(6, 3), i=np.array([1, 0, 0, 1, 0, 0]))
    yield "cosine_embedding_one", case(embedded, draw(3), draw(3), i=np.array(1))
    a, p, n = draw(5, 3), draw(5, 3), draw(5, 3)
    yield "triplet_margin", case(triplet(), a, p, n)
    yield "triplet_margin_p1", case(triplet(p=1.0, margin=0.5), a, p, n)
    yield "triplet_margin_all", case(triplet(p=3.0, margin=0.8, swap=True, eps=1e-3), a, p, n)
    yield "triplet_margin_one", case(triplet(margin=3.0), draw(4), draw(4), draw(4))


def line(name, value, text):
    value = np.asarray(value)
    return " ".join([name, *map(str, value.shape), "|", *(text(v) for v in value.reshape(-1).tolist())])


def result(value):
    return f"{value:.14g}"


def lines(name, function, xs, i, w, by):
    for k, x in enumerate(xs):
        yield line(f"{name}/x{k}", x, repr)
    if i is not None:
        yield line(f"{name}/i0", i, lambda v: str(int(v)))
    for k, v in enumerate(w):
        yield line(f"{name}/w{k}", v, repr)
    index = [] if i is None else [torch.from_numpy(np.array(i, dtype=np.int64))]
    for reduction in ("mean", "sum", "none"):
        inputs = [torch.from_numpy(x.copy()).requires_grad_(k < by) for k, x in enumerate(xs)]
        y = function(*inputs, *index, [torch.from_numpy(v) for v in w], reduction)
        yield line(f"{name}/{reduction}/y", y.detach().numpy(), result)
        if by == 0:
            continue
        weights = torch.from_numpy(1.0 + 0.25 * (np.arange(y.numel()) % 7)).reshape(y.shape)
        gradients = torch.autograd.grad((y * weights).sum(), inputs[:by])
        for k, g in enumerate(gradients):
            yield line(f"{name}/{reduction}/g{k}", g.numpy(), result)


def main():
    text = ["# Written by torch_losses.py; do not edit."]
    for name, parts in cases():
        text += lines(name, *parts)
    Path(__file__).with_suffix(".txt").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
