"""Golden values of ops, and their gradients, from PyTorch in float64.

Each case is a function of PyTorch of a few small inputs, corner cases among them; the test (`tests/golden_ops.rs`) has the
same names. Contractions are compared with NumPy's too. Needs PyTorch and NumPy; writes
torch_ops.txt beside itself, the same bytes at every run.

Format: one tensor a line, `case/what sizes... | values...`, row-major, each value as the shortest text that reads back as
the same float64. Lines that begin with `#` are comments. What: `x0`, `x1`, … the inputs; `i0`, … indices; `y` the output;
`p` the places that belong to it; `g0`, … the gradients by the inputs, of the sum of the outputs with weights 1, 1.25, 1.5,
1.75, 2, 2.25, 2.5, 1, 1.25, … A case without gradients has none in PyTorch, or by another convention than ours, which is
then told where the case stands.
"""

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

INF, NAN = math.inf, math.nan
numbers = np.random.default_rng(7)


def draw(*shape, low=-2.0, high=2.0):
    """Numbers of three decimals, no two alike, so that there are ties only where a case writes them."""
    n = math.prod(shape)
    grid = np.round(np.linspace(low, high, n + 2)[1:-1] + numbers.uniform(-0.2, 0.2, n) * (high - low) / (n + 1), 3)
    return numbers.permutation(grid).reshape(shape)


def case(function, *xs, index=(), gradient=True):
    return function, [np.asarray(x, dtype=np.float64) for x in xs], [np.asarray(i, dtype=np.int64) for i in index], gradient


def contraction(equation, *xs):
    assert np.allclose(np.einsum(equation, *xs), torch.einsum(equation, *map(torch.from_numpy, xs)), rtol=1e-14)
    return case(lambda *x: torch.einsum(equation, *x), *xs)


STEPS = [-2.5, -1.5, -1.0, -0.5, -0.2, -0.0, 0.0, 0.3, 0.5, 1.0, 1.5, 2.5, 1e15 + 0.5, -INF, INF, NAN]
# The gradient by an infinite or NaN input is not held against anyone.
FINITE = [x for x in STEPS if math.isfinite(x)]
PAIRS = [(a, b) for a in [-3.5, -1.0, -0.0, 0.0, 1.0, 2.5] for b in [-2.0, -1.0, 1.0, 3.0]]
LEFT, RIGHT = np.array(PAIRS).T
TIED = np.array([[3.0, 1.0, 3.0, -2.0], [0.0, -0.0, -1.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
WITH_NAN = np.array([[3.0, NAN, 3.0, -2.0, 1.0], [INF, 0.0, -0.0, NAN, -INF], [1.0, 1.0, 1.0, 1.0, 1.0], [NAN, 1.0, NAN, 2.0, 2.0]])
ZEROS = np.array([[2.0, 0.0, 3.0, -1.5], [0.0, 0.5, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0], [1.5, -2.0, 0.5, 3.0]])
VECTORS = np.array([[3.0, -4.0, 0.0], [0.0, 0.0, 0.0], [1.0, -1.0, 1.0], [0.25, 2.0, -1.5]])
FAR = 1e8 + np.array([[0.0, 1.0, 2.0], [0.5, 1.0, 2.25], [0.0, 1.0, 2.0]])


def index_put(x, v, i, j, accumulate):
    return x.index_put((i, j), v, accumulate=accumulate)


def cases():
    yield "abs", case(torch.abs, FINITE)
    yield "abs_special", case(torch.abs, STEPS, gradient=False)
    yield "sign", case(torch.sign, FINITE)
    # PyTorch's sign of NaN is 0; ours is NaN.
    yield "floor", case(torch.floor, STEPS)
    yield "ceil", case(torch.ceil, STEPS)
    yield "round", case(torch.round, STEPS)
    yield "trunc", case(torch.trunc, STEPS)
    yield "square", case(torch.square, FINITE)
    yield "relu", case(torch.relu, FINITE)
    yield "relu_special", case(torch.relu, STEPS, gradient=False)
    # At its bounds PyTorch's clamp passes no gradient on (2.15); ours does.
    yield "clamp", case(lambda x: x.clamp(-1.1, 1.4), STEPS)
    yield "clamp_bounds", case(lambda x: x.clamp(-1.0, 1.5), STEPS, gradient=False)
    yield "erf", case(torch.erf, FINITE)
    yield "erfc", case(torch.special.erfc, FINITE)
    yield "maximum", case(torch.maximum, LEFT, RIGHT)
    yield "minimum", case(torch.minimum, LEFT, RIGHT)
    yield "maximum_special", case(torch.maximum, [NAN, 1.0, NAN, INF, -INF], [1.0, NAN, NAN, -INF, -INF], gradient=False)
    yield "pow", case(torch.pow, [0.0, 0.0, 0.0, 2.0, 1.5, 2.5], [0.0, 1.0, 2.0, 0.0, -1.5, 0.5])

    yield "atan2", case(torch.atan2, LEFT, RIGHT)
    yield "atan2_axes", case(torch.atan2, [0.0, 1.0, -1.0, 0.0, -0.0, 2.0], [0.0, 0.0, 0.0, -1.0, -1.0, 2.0])
    yield "atan2_infinite", case(torch.atan2, [INF, INF, -INF, 1.0, NAN], [INF, -INF, 1.0, -INF, 1.0], gradient=False)
    yield "remainder", case(torch.remainder, LEFT, RIGHT)
    yield "remainder_special", case(
        torch.remainder, [5.0, -5.0, 5.0, 1.0, 0.3, INF, NAN, -7.5], [0.0, INF, -INF, 0.1, 0.1, 2.0, 1.0, 2.5], gradient=False
    )
    yield "remainder_broadcast", case(torch.remainder, draw(2, 3), [[0.7], [-0.3]])
    yield "log_add_exp", case(torch.logaddexp, draw(2, 3), draw(3))
    yield "log_add_exp_far", case(torch.logaddexp, [1e4, -1e4, 1e4, 0.0, -INF, 1e4], [1e4, -1e4, -1e4, -800.0, 0.5, -INF])
    # Of two infinities PyTorch's gradient is NaN; ours is 0 if both are -inf, a half if both are inf.
    yield "log_add_exp_infinite", case(torch.logaddexp, [-INF, INF, INF, NAN], [-INF, INF, -INF, 1.0], gradient=False)
    yield "lerp", case(torch.lerp, draw(2, 3), draw(3), [[0.25], [0.75]])
    yield "lerp_ends", case(torch.lerp, [0.1, 0.1, 1e16, 3.0, 3.0], [0.7, 0.7, 1.0, -1.0, -1.0], [0.0, 1.0, 1.0, 1.5, -0.5])

    taken = [[1, 0, 1]]
    yield "where", case(lambda a, b, i: torch.where(i > 0, a, b), draw(2, 3), draw(2, 1), index=[taken])
    yield "masked_fill", case(lambda x, i: x.masked_fill(i > 0, 0.5), draw(2, 3), index=[taken])
    yield "masked_fill_infinite", case(lambda x, i: x.masked_fill(i > 0, -INF), [[NAN, 1.0, INF]], index=[taken])
    yield "one_hot", case(lambda x, i: F.one_hot(i, 4) * x, draw(4), index=[[[0, 3], [1, 1]]])
    yield "gather", case(lambda x, i: x.gather(1, i), draw(2, 3), index=[[[2, 0, 2, 1], [1, 1, 1, 0]]])
    yield "index_select", case(lambda x, i: x.index_select(1, i), draw(2, 3), index=[[2, 0, 2]])
    yield "scatter_add", case(lambda x, s, i: x.scatter_add(0, i, s), draw(3, 2), draw(4, 2), index=[[[0, 1], [2, 1], [0, 2], [0, 1]]])
    # Without duplicates: which write remains, and what its gradient is, PyTorch leaves open.
    yield "scatter", case(lambda x, s, i: x.scatter(1, i, s), draw(2, 4), draw(2, 2), index=[[[3, 0], [1, 2]]])
    yield "index_get", case(lambda x, i, j: x[i, j], draw(2, 3, 2), index=[[[0], [1]], [0, 2, 0]])
    yield "index_put", case(lambda x, v, i, j: index_put(x, v, i, j, False), draw(2, 3, 2), draw(3, 1), index=[[0, 1, 0], [0, 2, 1]])
    yield "index_put_add", case(lambda x, v, i, j: index_put(x, v, i, j, True), draw(2, 3, 2), draw(3, 2), index=[[0, 1, 0], [2, 0, 2]])

    yield "max", case(lambda x: torch.amax(x, -1), TIED)
    yield "min", case(lambda x: torch.amin(x, (0, 1)), TIED)
    yield "max_special", case(lambda x: torch.amax(x, -1), WITH_NAN, gradient=False)
    yield "argmax", case(lambda x: torch.argmax(x, -1).double(), TIED, gradient=False)
    yield "argmin", case(lambda x: torch.argmin(x, -1).double(), WITH_NAN, gradient=False)
    yield "prod", case(lambda x: torch.prod(x, -1), ZEROS)
    yield "cumsum", case(lambda x: torch.cumsum(x, 0), draw(3, 2))
    yield "cumprod", case(lambda x: torch.cumprod(x, -1), ZEROS)
    yield "cumprod_first", case(lambda x: torch.cumprod(x, 0), ZEROS)
    for name, order in [("1", 1), ("2", 2), ("3", 3), ("1.5", 1.5), ("inf", INF)]:
        yield f"vector_norm_{name}", case(lambda x, order=order: torch.linalg.vector_norm(x, order, -1), VECTORS)
        yield f"vector_norm_{name}_of_all", case(lambda x, order=order: torch.linalg.vector_norm(x, order), draw(2, 3))
    yield "cosine_similarity", case(lambda a, b: F.cosine_similarity(a, b, -1), draw(2, 3), draw(3))
    yield "cosine_similarity_first", case(lambda a, b: F.cosine_similarity(a, b, 0), draw(3, 1), draw(3, 2))
    yield "cosine_similarity_zero", case(lambda a, b: F.cosine_similarity(a, b, -1), [[0.0, 0.0], [3.0, 4.0]], [[1.0, 2.0], [0.0, 0.0]])
    points = np.array([[0.0, 1.0], [2.0, -1.5], [0.5, 0.25]])
    others = np.array([[0.0, 1.0], [1.5, 1.5]])
    for name, order in [("1", 1.0), ("2", 2.0), ("3", 3.0), ("inf", INF)]:
        # Of the largest differences PyTorch gives each the whole gradient, ours shares it; none tie here but where points coincide.
        yield f"cdist_{name}", case(
            lambda a, b, order=order: torch.cdist(a, b, order, compute_mode="donot_use_mm_for_euclid_dist"), points, others
        )
    yield "cdist_batch", case(lambda a, b: torch.cdist(a, b, 1.0), draw(2, 1, 2, 3), draw(3, 2, 3))
    yield "cdist_far", case(lambda a, b: torch.cdist(a, b, 2.0, compute_mode="donot_use_mm_for_euclid_dist"), FAR, FAR[:2] + 0.125)

    for descending in (False, True):
        name = "sort_descending" if descending else "sort"
        yield name, case(lambda x, d=descending: torch.sort(x, dim=-1, descending=d, stable=True), TIED)
    yield "sort_first", case(lambda x: torch.sort(x, dim=0, stable=True), draw(4, 2))
    # In descending order PyTorch has NaN first, and among the smallest last; ours is NumPy's in sort, and first in topk.
    yield "sort_nan", case(lambda x: torch.sort(x, dim=-1, stable=True), WITH_NAN, gradient=False)
    yield "topk", case(lambda x: torch.topk(x, 2, -1), draw(3, 4))
    yield "topk_smallest", case(lambda x: torch.topk(x, 3, 0, largest=False), draw(4, 2))
    # PyTorch does not say which of equal ones it takes: only the values.
    yield "topk_tied", case(lambda x: torch.topk(x, 2, -1).values, TIED, gradient=False)
    yield "topk_nan", case(lambda x: torch.topk(x, 3, -1).values, WITH_NAN, gradient=False)

    cube = draw(2, 3, 4)
    yield "diagonal", case(lambda x: torch.diagonal(x, 1, 0, 2), cube)
    yield "diagonal_below", case(lambda x: torch.diagonal(x, -1, -1, 1), cube)
    yield "diag_of_matrix", case(lambda x: torch.diag(x, -1), draw(3, 4))
    yield "diag_of_vector", case(lambda x: torch.diag(x, 1), draw(3))
    yield "trace", case(torch.trace, draw(3, 2))
    for offset in (-1, 0, 2):
        yield f"tril_{offset}", case(lambda x, k=offset: torch.tril(x, k), cube)
        yield f"triu_{offset}", case(lambda x, k=offset: torch.triu(x, k), cube)
    yield "roll", case(lambda x: torch.roll(x, (1, -5), (0, 2)), cube)
    yield "repeat", case(lambda x: x.repeat(2, 1, 3), draw(2, 2))
    yield "tile", case(lambda x: torch.tile(x, (2,)), draw(2, 3))
    yield "repeat_interleave", case(lambda x: torch.repeat_interleave(x, 2, 0), draw(2, 3))

    yield "dot", case(torch.dot, draw(4), draw(4))
    yield "outer", case(torch.outer, draw(2), draw(3))
    yield "tensordot", case(lambda a, b: torch.tensordot(a, b, ([2, 0], [0, 1])), cube, draw(4, 2, 2))
    yield "tensordot_last", case(lambda a, b: torch.tensordot(a, b, 2), cube, draw(3, 4, 2))
    batch, square = draw(2, 3, 2), draw(3, 3)
    yield "einsum_batch", contraction("bij,bjk->bik", batch, draw(2, 2, 3))
    yield "einsum_trace", contraction("ii", square)
    yield "einsum_diagonal", contraction("ii->i", square)
    yield "einsum_transposed", contraction("ba", draw(2, 3))
    yield "einsum_bilinear", contraction("bn,anm,bm->ba", draw(2, 3), draw(2, 3, 2), draw(2, 2))
    yield "einsum_ellipsis", contraction("...ij,...jk->...ik", draw(2, 1, 2, 3), draw(2, 3, 2))
    yield "einsum_ellipsis_last", contraction("i...,i->...", draw(3, 2, 2), draw(3))
    yield "einsum_outer", contraction("i,j", draw(2), draw(3))
    yield "einsum_sums", contraction("ij,kl->jl", draw(2, 3), draw(2, 2))
    # Without `...` in the result its axes are summed over, in PyTorch; NumPy refuses that.
    yield "einsum_ellipsis_summed", case(lambda a, b: torch.einsum("...i,...i->i", a, b), draw(2, 3), draw(1, 3))


def line(name, tensor):
    tensor = np.asarray(tensor, dtype=np.float64)
    head = " ".join([name, *map(str, tensor.shape)])
    return f"{head} | {' '.join(map(repr, tensor.ravel().tolist()))}"


def lines_of(name, function, xs, indices, gradient):
    leaves = [torch.tensor(x, requires_grad=gradient) for x in xs]
    found = function(*leaves, *map(torch.from_numpy, indices))
    y, places = found if isinstance(found, tuple) else (found, None)
    yield from (line(f"{name}/x{k}", x) for k, x in enumerate(xs))
    yield from (line(f"{name}/i{k}", i) for k, i in enumerate(indices))
    yield line(f"{name}/y", y.detach())
    if places is not None:
        yield line(f"{name}/p", places)
    if gradient:
        weights = 1.0 + (torch.arange(y.numel(), dtype=torch.float64) % 7).reshape(y.shape) / 4
        gradients = torch.autograd.grad((y * weights).sum(), leaves)
        yield from (line(f"{name}/g{k}", g) for k, g in enumerate(gradients))


def main():
    torch.set_num_threads(1)
    lines = ["# Written by torch_ops.py; do not edit."]
    for name, what in cases():
        lines += lines_of(name, *what)
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
