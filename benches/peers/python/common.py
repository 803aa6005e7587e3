"""What the Python contenders share: the numbers that all compute with, and the way in which run.py talks to them (see common/src/lib.rs)."""

import sys
import time

import numpy as np


def noise(shape, seed, scale=1.0, dtype=np.float32):
    """Numbers between −scale and scale that are the same in every language."""
    mask = np.uint64(0xFFFFFFFF)
    n = int(np.prod(shape))
    x = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed * 2246822519 + 12345)) & mask
    x ^= x >> np.uint64(15)
    x = x * np.uint64(2246822519) & mask
    x ^= x >> np.uint64(13)
    x = x * np.uint64(3266489917) & mask
    x ^= x >> np.uint64(16)
    return ((x / 2147483648.0 - 1.0) * scale).astype(dtype).reshape(shape)


def step(call):
    """A training step, checked by its first three losses."""
    return [float(call()) for _ in range(3)], call


def clock(call, ms):
    start = time.perf_counter()
    call()
    first = (time.perf_counter() - start) * 1e3
    n = max(1, min(int(ms / max(first, 1e-6)), 10**6))
    start = time.perf_counter()
    for _ in range(n):
        call()
    return (time.perf_counter() - start) * 1e9 / n


def serve(make):
    """Answers the driver until it hangs up. `make(case)` gives the numbers to check and the call to time, or None."""
    name, call = None, None
    for line in sys.stdin:
        case, _, ms = line.rstrip("\n").partition("\t")
        if not ms:
            made = make(case)
            if made is None:
                print("none", flush=True)
                continue
            name, (check, call) = case, made
            print(" ".join(repr(float(x)) for x in check), flush=True)
        else:
            assert case == name, f"{case} was not made"
            print(clock(call, float(ms)), flush=True)
