"""Golden values of elementary functions in float64, for the vector forms of them.

Each value is computed with mpmath at 60 digits and rounded once. The arguments cover the whole range of each function: near 0, tiny,
subnormal, and to the ends where the value overflows or vanishes. Needs mpmath; writes functions.txt beside itself, the same bytes at
every run. The format is that of ops.py: `name/x` and `name/y`.
"""

import math
import random
from pathlib import Path

import mpmath
from mpmath import mpf

mpmath.mp.dps = 60


def rounded(value):
    """The float64 nearest to an mpmath number; mpmath itself rounds subnormals twice."""
    sign, mantissa, exponent, bits = mpf(value)._mpf_
    if mantissa == 0:
        return float(mpf(value))
    shift = max(bits - 53, -1074 - exponent, 0)
    kept, rest = mantissa >> shift, mantissa & ((1 << shift) - 1)
    if shift and (2 * rest > 1 << shift or (2 * rest == 1 << shift and kept & 1)):
        kept += 1
    try:
        size = math.ldexp(kept, exponent + shift)
    except OverflowError:
        size = math.inf
    return -size if sign else size


FUNCTIONS = {
    "exp": (mpmath.exp, -746.0, 710.0, math.nan),
    "exp_m1": (mpmath.expm1, -40.0, 710.0, math.nan),
    "ln": (mpmath.log, 1e-3, 4.0, 0.0),
    "ln_1p": (mpmath.log1p, -1.0, 4.0, -1.0),
    "tanh": (mpmath.tanh, -22.0, 22.0, math.nan),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), -745.0, 40.0, math.nan),
    "erf": (mpmath.erf, -6.5, 6.5, math.nan),
}


def arguments(low, high, bound, draw):
    """Even over the range, near 0, and of every magnitude; above `bound`."""
    xs = [draw.uniform(low, high) for _ in range(60)] + [draw.uniform(-2.0, 2.0) for _ in range(60)]
    xs += [draw.choice([-1, 1]) * draw.uniform(1.0, 2.0) * 2.0 ** draw.randint(-1074, 9) for _ in range(40)]
    xs += [5e-324, -5e-324, 2.2250738585072014e-308, 1e-20, -1e-20, 0.5, -0.5, 1.0, 709.782712893384, 36.8, -36.8]
    return [x for x in xs if math.isnan(bound) or x > bound]


def main():
    draw = random.Random(0)
    lines = ["# Made by functions.py."]
    for name, (f, *range_) in FUNCTIONS.items():
        xs = arguments(*range_, draw)
        for part, values in (("x", xs), ("y", [rounded(f(mpf(x))) for x in xs])):
            lines.append(f"{name}/{part} {len(values)} | " + " ".join(map(repr, values)))
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


main()
