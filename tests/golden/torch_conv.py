"""Golden values and gradients of convolutions and their relatives in float64, from PyTorch.

Inputs are multiples of 1/8 and so are the weights of the loss, so that nearly all results are short and exact. Each case has
lines `case/x`, `case/w` where it has weights, `case/y`, `case/g`, the weights of the loss `sum(g * y)`, and the gradients
`case/gx` and `case/gw`. What is done stands in the test that reads them, tests/golden_conv.rs, under the same name.
Needs PyTorch and NumPy; writes torch_conv.txt beside itself, the same bytes at every run.

Format: one tensor a line, `name sizes... | values...`, row-major, each value as the shortest text that reads back as the
same float64. Lines that begin with `#` are comments.
"""

import math
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
warnings.simplefilter("ignore")  # padding "same" of an odd width is what is asked for
INF, NAN = math.inf, math.nan
rng = np.random.default_rng(7)


def eighths(*shape):
    """Random multiples of 1/8 from -4 to 4."""
    return torch.from_numpy(rng.integers(-32, 33, size=shape) / 8.0)


def distinct(*shape):
    """Multiples of 1/8, no two alike."""
    n = math.prod(shape)
    return torch.from_numpy((rng.permutation(n) - n // 2) / 8.0).reshape(shape)


CONVOLUTIONS = {
    # name: (x, w, function)
    "conv1d": ((2, 2, 7), (3, 2, 3), lambda x, w: F.conv1d(x, w)),
    "conv1d_options": ((1, 4, 8), (6, 2, 2), lambda x, w: F.conv1d(x, w, None, 3, 2, 2, 2)),
    "conv1d_same": ((1, 2, 6), (2, 2, 4), lambda x, w: F.conv1d(x, w, padding="same", dilation=1)),
    "conv1d_unbatched": ((2, 6), (3, 2, 3), lambda x, w: F.conv1d(x, w, padding=1)),
    "conv2d": ((2, 3, 5, 4), (2, 3, 3, 2), lambda x, w: F.conv2d(x, w)),
    "conv2d_stride_does_not_divide": ((1, 2, 6, 7), (2, 2, 3, 3), lambda x, w: F.conv2d(x, w, stride=(2, 3))),
    "conv2d_dilation": ((1, 2, 7, 6), (2, 2, 3, 2), lambda x, w: F.conv2d(x, w, dilation=(2, 3), padding=(1, 2))),
    "conv2d_groups": ((2, 4, 4, 4), (6, 2, 2, 2), lambda x, w: F.conv2d(x, w, groups=2, padding=1, stride=2)),
    "conv2d_depthwise": ((1, 3, 5, 5), (6, 1, 3, 3), lambda x, w: F.conv2d(x, w, groups=3, padding=1, stride=(1, 2))),
    "conv2d_one_element": ((2, 3, 3, 3), (4, 3, 1, 1), lambda x, w: F.conv2d(x, w)),
    "conv2d_one_element_stride": ((1, 3, 5, 4), (2, 3, 1, 1), lambda x, w: F.conv2d(x, w, stride=2)),
    "conv2d_cube": ((1, 3, 3, 3), (3, 3, 3, 3), lambda x, w: F.conv2d(x, w, padding=1)),
    "conv2d_same": ((1, 1, 5, 4), (1, 1, 4, 3), lambda x, w: F.conv2d(x, w, padding="same", dilation=(1, 2))),
    "conv2d_uneven_padding": ((1, 1, 3, 3), (1, 1, 2, 3), lambda x, w: F.conv2d(F.pad(x, (2, 0, 0, 1)), w)),
    "conv3d": ((1, 2, 3, 4, 3), (2, 2, 2, 3, 2), lambda x, w: F.conv3d(x, w, stride=(1, 2, 1), padding=(1, 0, 1))),
    "conv3d_groups": ((1, 2, 3, 3, 2), (2, 1, 2, 1, 2), lambda x, w: F.conv3d(x, w, groups=2, dilation=(2, 1, 1))),
    "conv_transpose1d": ((2, 2, 4), (2, 3, 3), lambda x, w: F.conv_transpose1d(x, w, stride=2, padding=1)),
    "conv_transpose2d": ((1, 2, 3, 3), (2, 3, 2, 3), lambda x, w: F.conv_transpose2d(x, w)),
    "conv_transpose2d_options": (
        (1, 4, 3, 2),
        (4, 2, 3, 2),
        lambda x, w: F.conv_transpose2d(x, w, None, (2, 3), (1, 0), (1, 2), 2, (1, 2)),
    ),
    "conv_transpose2d_output_padding_by_dilation": (
        (1, 1, 2, 2),
        (1, 1, 2, 2),
        lambda x, w: F.conv_transpose2d(x, w, None, 1, 0, (1, 0), 1, (2, 1)),
    ),
    "conv_transpose2d_depthwise": ((1, 2, 3, 3), (2, 1, 3, 3), lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 1, 2)),
    "conv_transpose3d": ((1, 2, 2, 2, 1), (2, 1, 2, 1, 3), lambda x, w: F.conv_transpose3d(x, w, stride=(1, 2, 2))),
}
TIES = torch.tensor([[[1.0, 3.0, 3.0, 0.0], [3.0, 3.0, -1.0, -1.0], [2.0, 2.0, 2.0, 2.0]]], dtype=torch.float64)
# At most one NaN in a window: of several PyTorch takes the last, and this library the first.
SPECIAL = torch.tensor(
    [[[NAN, 1.0, 2.0, 5.0], [0.0, -INF, -INF, -INF], [INF, 1.0, -INF, -INF], [INF, INF, -1.0, 4.0]]], dtype=torch.float64
)

UNARY = {
    # name: (x, function)
    "max_pool1d": (distinct(2, 2, 7), lambda x: F.max_pool1d(x, 3, 2)),
    "max_pool2d": (distinct(2, 2, 4, 6), lambda x: F.max_pool2d(x, 2)),
    "max_pool2d_overlapping": (distinct(1, 2, 5, 5), lambda x: F.max_pool2d(x, (3, 2), 1)),
    "max_pool2d_padding": (distinct(1, 2, 5, 4), lambda x: F.max_pool2d(x, (3, 2), (2, 1), (1, 1))),
    "max_pool2d_dilation": (distinct(1, 2, 7, 7), lambda x: F.max_pool2d(x, (2, 3), 1, 0, (3, 2))),
    "max_pool2d_ceil": (distinct(1, 1, 6, 7), lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)),
    "max_pool2d_ceil_padding": (distinct(1, 1, 5, 6), lambda x: F.max_pool2d(x, 2, 3, 1, ceil_mode=True)),
    "max_pool2d_ceil_larger_than_image": (distinct(1, 1, 2, 2), lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)),
    "max_pool2d_ties": (TIES, lambda x: F.max_pool2d(x, 2, 1)),
    "max_pool2d_special": (SPECIAL, lambda x: F.max_pool2d(x, 2)),
    "max_pool3d": (distinct(1, 2, 3, 4, 4), lambda x: F.max_pool3d(x, (2, 3, 2), (1, 1, 2))),
    "adaptive_max_pool1d": (distinct(1, 2, 7), lambda x: F.adaptive_max_pool1d(x, 3)),
    "adaptive_max_pool2d": (distinct(1, 2, 5, 7), lambda x: F.adaptive_max_pool2d(x, (3, 4))),
    "adaptive_max_pool2d_larger": (distinct(1, 1, 2, 3), lambda x: F.adaptive_max_pool2d(x, (3, 5))),
    "adaptive_max_pool3d": (distinct(1, 1, 3, 4, 2), lambda x: F.adaptive_max_pool3d(x, (2, 3, 1))),
    "global_max_pool2d": (distinct(2, 2, 2, 3), lambda x: F.adaptive_max_pool2d(x, 1)),
    "avg_pool1d": (eighths(2, 1, 7), lambda x: F.avg_pool1d(x, 3, 2, 1)),
    "avg_pool2d": (eighths(1, 2, 4, 6), lambda x: F.avg_pool2d(x, 2)),
    "avg_pool2d_overlapping": (eighths(1, 2, 5, 4), lambda x: F.avg_pool2d(x, (2, 4), 1)),
    "avg_pool2d_counting": (eighths(1, 1, 5, 5), lambda x: F.avg_pool2d(x, (4, 2), 2, (2, 1))),
    "avg_pool2d_not_counting": (eighths(1, 1, 5, 5), lambda x: F.avg_pool2d(x, (4, 2), 2, (2, 1), False, False)),
    "avg_pool2d_ceil_counting": (eighths(1, 1, 5, 6), lambda x: F.avg_pool2d(x, (3, 4), 2, 1, True, True)),
    "avg_pool2d_ceil_not_counting": (eighths(1, 1, 5, 6), lambda x: F.avg_pool2d(x, (3, 4), 2, 1, True, False)),
    "avg_pool2d_divisor": (eighths(1, 1, 4, 4), lambda x: F.avg_pool2d(x, 2, 2, 1, False, True, 3)),
    "avg_pool3d": (eighths(1, 1, 3, 4, 4), lambda x: F.avg_pool3d(x, (2, 3, 2), (1, 1, 2), (1, 0, 1))),
    "adaptive_avg_pool1d": (eighths(1, 2, 7), lambda x: F.adaptive_avg_pool1d(x, 3)),
    "adaptive_avg_pool2d": (eighths(1, 1, 5, 7), lambda x: F.adaptive_avg_pool2d(x, (3, 4))),
    "adaptive_avg_pool3d": (eighths(1, 1, 3, 4, 2), lambda x: F.adaptive_avg_pool3d(x, (2, 3, 1))),
    "global_avg_pool2d": (eighths(2, 2, 2, 4), lambda x: F.adaptive_avg_pool2d(x, 1)),
    "upsample_nearest1d": (eighths(1, 2, 3), lambda x: F.interpolate(x, size=7, mode="nearest")),
    "upsample_nearest2d": (eighths(1, 1, 4, 3), lambda x: F.interpolate(x, size=(3, 8), mode="nearest")),
    "upsample_nearest2d_scale": (eighths(1, 2, 2, 3), lambda x: F.interpolate(x, scale_factor=(3, 2), mode="nearest")),
    "upsample_nearest3d": (eighths(1, 1, 2, 1, 2), lambda x: F.interpolate(x, size=(3, 2, 4), mode="nearest")),
    "upsample_linear1d": (eighths(1, 2, 4), lambda x: F.interpolate(x, size=9, mode="linear")),
    "upsample_linear1d_corners": (
        eighths(1, 2, 4),
        lambda x: F.interpolate(x, size=9, mode="linear", align_corners=True),
    ),
    "upsample_bilinear2d": (eighths(1, 1, 3, 4), lambda x: F.interpolate(x, size=(5, 7), mode="bilinear")),
    "upsample_bilinear2d_corners": (
        eighths(1, 1, 3, 4),
        lambda x: F.interpolate(x, size=(5, 7), mode="bilinear", align_corners=True),
    ),
    "upsample_bilinear2d_smaller": (eighths(1, 1, 5, 7), lambda x: F.interpolate(x, size=(3, 4), mode="bilinear")),
    "upsample_bilinear2d_scale": (eighths(1, 1, 2, 3), lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    "upsample_bilinear2d_to_one": (
        eighths(1, 1, 3, 3),
        lambda x: F.interpolate(x, size=(1, 1), mode="bilinear", align_corners=True),
    ),
    "upsample_trilinear3d": (eighths(1, 1, 2, 3, 2), lambda x: F.interpolate(x, size=(3, 2, 4), mode="trilinear")),
    "unfold": (eighths(2, 2, 4, 5), lambda x: F.unfold(x, (2, 3), padding=(1, 0), stride=(2, 1))),
    "unfold_dilation": (eighths(1, 2, 5, 5), lambda x: F.unfold(x, 2, dilation=(3, 2), padding=1, stride=2)),
    "fold": (eighths(2, 12, 9), lambda x: F.fold(x, (4, 5), (2, 3), padding=(1, 0), stride=(2, 1))),
    "pad_constant": (eighths(1, 2, 3), lambda x: F.pad(x, (1, 2, 0, 1), value=0.5)),
    "pad_constant_below_0": (eighths(2, 4, 4), lambda x: F.pad(x, (-1, 2, 1, -2), value=0.5)),
    "pad_reflect": (eighths(1, 2, 3, 4), lambda x: F.pad(x, (3, 1, 2, 0), mode="reflect")),
    "pad_replicate": (eighths(1, 2, 3, 2), lambda x: F.pad(x, (3, 1, 0, 2), mode="replicate")),
    "pad_circular": (eighths(1, 2, 3, 4), lambda x: F.pad(x, (4, 1, 2, 0), mode="circular")),
}

def line(name, tensor):
    tensor = tensor.detach().numpy()
    head = " ".join([name, *map(str, tensor.shape)])
    # Python writes whole floats with a trailing .0, which only costs room.
    values = (repr(v).removesuffix(".0") for v in tensor.ravel().tolist())
    return f"{head} | {' '.join(values)}"


def case(name, inputs, function):
    """The lines of one case, inputs by their letters."""
    for tensor in inputs.values():
        tensor.requires_grad_()
    y = function(*inputs.values())
    g = eighths(*y.shape)
    y.backward(g)
    lines = [line(f"{name}/{letter}", tensor) for letter, tensor in inputs.items()]
    lines += [line(f"{name}/y", y), line(f"{name}/g", g)]
    return lines + [line(f"{name}/g{letter}", tensor.grad) for letter, tensor in inputs.items()]


def main():
    lines = ["# Written by torch_conv.py; do not edit."]
    for name, (x, w, function) in CONVOLUTIONS.items():
        lines += case(name, {"x": eighths(*x), "w": eighths(*w)}, function)
    for name, (x, function) in UNARY.items():
        lines += case(name, {"x": x}, function)
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
