"""Golden values of single ops in float64, for tests of the kernels.

Each value is computed with mpmath at 120 digits (sums and variances as fractions) and rounded once, so that it is right
to the last bit where formulas in float64 cancel or overflow: tails of GELU, softplus and sigmoid, variances at a large
offset. Every value is then compared with NumPy's or SciPy's, which also say what an op does at infinities and NaN.
Needs NumPy, SciPy and mpmath; writes ops.txt beside itself, the same bytes at every run.

Format: one tensor a line, `name sizes... | values...`, row-major, each value as the shortest text that reads back as
the same float64. Lines that begin with `#` are comments. Each op has a line `op/x`, its input, and `op/y`, its output.
"""

import math
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import scipy.special
from mpmath import mpf

mpmath.mp.dps = 120

MAGNITUDES = [0.0, 1e-8, 1e-3, 0.5, 1.0, 3.0, 10.0, 40.0, 100.0, 745.0, 1e4, math.inf]
POINTS = sorted([-v for v in MAGNITUDES]) + MAGNITUDES + [math.nan]


def rounded(value):
    """The float64 nearest to an mpmath number; mpmath itself rounds subnormals twice."""
    sign, mantissa, exponent, bits = mpf(value)._mpf_
    if mantissa == 0:
        return 0.0
    if exponent + bits > 1024 or exponent + bits < -1080:
        return math.copysign(math.inf if exponent > 0 else 0.0, -sign)
    # Python's division of integers rounds once, subnormals included.
    whole = int(mantissa) * 2 ** max(exponent, 0) * (-1 if sign else 1)
    try:
        return whole / 2 ** max(-exponent, 0)
    except OverflowError:
        return math.copysign(math.inf, whole)


def gelu_tanh(x):
    # 0.5 x (1 + tanh u) = x / (1 + exp(-2 u)), which does not cancel.
    return x / (1 + mpmath.exp(-2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpf("0.044715") * x**3)))


def np_gelu(x):
    return x * scipy.special.ndtr(x)


def np_gelu_tanh(x):
    return x * scipy.special.expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


# Name: (the exact function of a finite point other than zero, the same in NumPy or SciPy).
POINTWISE = {
    "exp": (mpmath.exp, np.exp),
    "ln": (mpmath.log, np.log),
    "ln_1p": (lambda x: mpmath.log(1 + x), np.log1p),
    "exp_m1": (mpmath.expm1, np.expm1),
    "square": (lambda x: x * x, np.square),
    "sqrt": (mpmath.sqrt, np.sqrt),
    "rsqrt": (lambda x: 1 / mpmath.sqrt(x), lambda x: 1 / np.sqrt(x)),
    "sin": (mpmath.sin, np.sin),
    "cos": (mpmath.cos, np.cos),
    "tan": (mpmath.tan, np.tan),
    "tanh": (mpmath.tanh, np.tanh),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), scipy.special.expit),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), lambda x: np.logaddexp(0, x)),
    "relu": (lambda x: max(x, mpf(0)), lambda x: np.maximum(x, 0)),
    # The slope is the float64 nearest to 0.01, as it is in a program.
    "leaky_relu": (lambda x: x if x > 0 else mpf(0.01) * x, lambda x: np.where(x > 0, x, 0.01 * x)),
    "elu": (lambda x: x if x > 0 else mpmath.expm1(x), lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    "erf": (mpmath.erf, scipy.special.erf),
    "erfc": (mpmath.erfc, scipy.special.erfc),
    "normal_cdf": (lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2, scipy.special.ndtr),
    "gelu": (lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2, np_gelu),
    "gelu_tanh": (gelu_tanh, np_gelu_tanh),
    "silu": (lambda x: x / (1 + mpmath.exp(-x)), lambda x: x * scipy.special.expit(x)),
}
# Where a domain ends; outside of it, one negative point has to give NaN.
DOMAIN = {"ln": 0.0, "sqrt": 0.0, "rsqrt": 0.0, "ln_1p": -1.0}
# The limit at -inf is 0, but the formulas multiply infinity by zero: no convention to hold anyone to.
NOT_AT_MINUS_INFINITY = {"gelu", "gelu_tanh", "silu"}
# Approximated by pieces of our own: also on each side of where they meet, and all the way out to where the tail underflows.
PIECEWISE = {"erf": 6.0, "erfc": 27.0, "normal_cdf": 38.0}
SEAMS = [0.25, 0.84375, 1.1932426932522988, 4.0]


def points_of(name):
    if name in PIECEWISE:
        between = np.linspace(-PIECEWISE[name], PIECEWISE[name], 84)
        seams = [s * v for v in SEAMS for s in (1, -1)]
        return POINTS + [*between.tolist(), *seams, *np.nextafter(seams, 0).tolist()]
    if name in NOT_AT_MINUS_INFINITY:
        return [x for x in POINTS if x != -math.inf]
    if name in DOMAIN:
        return [x for x in POINTS if not x < DOMAIN[name]] + [-3.0]
    return POINTS


def value_at(exact, numpy, x):
    """The exact function, and NumPy's where it is a convention or a limit."""
    standard = float(numpy(np.float64(x)))
    if x == 0.0 or not math.isfinite(x) or not math.isfinite(standard):
        return standard
    return rounded(exact(mpf(x)))


def pointwise():
    for name, (exact, numpy) in POINTWISE.items():
        x = np.array(points_of(name))
        y = np.array([value_at(exact, numpy, point) for point in x.tolist()])
        # SciPy itself is off in the tails: its ndtr by 1.3e-13 at -36.
        np.testing.assert_allclose(y, numpy(x), rtol=2e-13, atol=1e-300, err_msg=name)
        yield name, x, y


LOWEST = -math.inf
ROWS = np.array(
    [
        [0.0, 1.0, 2.0, 3.0, -1.5],
        [0.1, 0.1, 0.1, 0.1, 0.1],
        [1e4, -1e4, 0.0, 1.0, 2.0],
        [1e4, 1e4, 1e4 - 1.0, 1e4 + 0.5, -1e4],
        [-1e4, -1e4, -1e4 + 2.0, -1e4 - 30.0, -1e4],
        [LOWEST, 0.0, 1.0, LOWEST, -2.0],
        [LOWEST, LOWEST, LOWEST, 1e4, LOWEST],
        [0.0, -40.0, -80.0, -700.0, -745.0],
        [1e-8, -1e-8, 0.0, 1e-3, -1e-3],
        [LOWEST, LOWEST, LOWEST, LOWEST, LOWEST],
    ]
)


def rows():
    """Over the last axis. A row of -inf alone has the logarithm of an empty sum, -inf, and no distribution, NaN."""
    sums, soft, logs = [], [], []
    for row in ROWS.tolist():
        if max(row) == LOWEST:
            sums.append(LOWEST)
            soft.append([math.nan] * len(row))
            logs.append([math.nan] * len(row))
            continue
        total = mpmath.log(mpmath.fsum(mpmath.exp(mpf(v)) for v in row if v != LOWEST))
        sums.append(rounded(total))
        soft.append([0.0 if v == LOWEST else rounded(mpmath.exp(mpf(v) - total)) for v in row])
        logs.append([LOWEST if v == LOWEST else rounded(mpf(v) - total) for v in row])
    tolerances = {"rtol": 4e-15, "atol": 1e-300}
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(sums, scipy.special.logsumexp(ROWS, axis=-1), **tolerances)
        np.testing.assert_allclose(soft, scipy.special.softmax(ROWS, axis=-1), rtol=1e-13, atol=1e-300)
        np.testing.assert_allclose(logs, scipy.special.log_softmax(ROWS, axis=-1), rtol=4e-15, atol=1e-15)
    yield "logsumexp", ROWS, np.array(sums)
    yield "softmax", ROWS, np.array(soft)
    yield "log_softmax", ROWS, np.array(logs)


OFFSET = 1e8 + np.array(
    [
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        [0.5, -0.25, 0.125, 7.0, -3.0, 0.0],
        [1e-3, -2e-3, 5e-3, 0.0, 3e-3, -1e-3],
        [42.0, 42.0, 42.0, 42.0, 42.0, 42.0],
    ]
)


def spreads():
    """Variance and standard deviation over the last axis, with `ddof` subtracted from the divisor."""
    for ddof in (0, 1):
        exact = []
        for row in OFFSET.tolist():
            values = [Fraction(v) for v in row]
            mean = sum(values) / len(values)
            exact.append(sum((v - mean) ** 2 for v in values) / (len(values) - ddof))
        var = np.array([float(v) for v in exact])
        std = np.array([rounded(mpmath.sqrt(mpf(v.numerator) / v.denominator)) for v in exact])
        # NumPy's rounded mean costs it digits here: its own are right to about (1e-8 / 1e-3)^2 of the third row.
        np.testing.assert_allclose(var, np.var(OFFSET, axis=-1, ddof=ddof), rtol=1e-10)
        np.testing.assert_allclose(std, np.std(OFFSET, axis=-1, ddof=ddof), rtol=1e-10)
        yield f"var_ddof{ddof}", OFFSET, var
        yield f"std_ddof{ddof}", OFFSET, std


TERMS = np.array([[1.0, -2.5, 0.1, 1e-8, 3.0], [0.2, 0.2, 0.2, 0.2, 0.2], [1e8, 1.0, 1e-3, -0.5, 7.0]])


def cumulative():
    for axis in (0, 1):
        along = TERMS if axis == 1 else TERMS.T
        exact = [[float(sum(map(Fraction, row[: k + 1]))) for k in range(len(row))] for row in along.tolist()]
        exact = np.array(exact) if axis == 1 else np.array(exact).T
        np.testing.assert_allclose(exact, np.cumsum(TERMS, axis=axis), rtol=1e-15)
        yield f"cumsum_axis{axis}", TERMS, exact


def line(name, tensor):
    head = " ".join([name, *map(str, tensor.shape)])
    return f"{head} | {' '.join(map(repr, tensor.ravel().tolist()))}"


def main():
    lines = ["# Written by ops.py; do not edit. leaky_relu has slope 0.01, elu has alpha 1."]
    with np.errstate(all="ignore"):
        for cases in (pointwise, rows, spreads, cumulative):
            for name, x, y in cases():
                lines += [line(f"{name}/x", x), line(f"{name}/y", y)]
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
