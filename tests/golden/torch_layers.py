"""Golden values of layers in float64: outputs and gradients of PyTorch's modules.

Needs PyTorch; writes torch_*.txt beside itself, the same bytes at every run. Weights and inputs are short decimals that depend on the
name of the case alone; what PyTorch computes is written with 15 digits, so that the last bit, which depends on the machine, does not
show.

Format: one tensor a line, `name sizes... | values...`, row-major. Lines that begin with `#` are comments. Of a case there are
  case/in/NAME     inputs
  case/p/NAME      parameters, and buffers as they are at first; case/n/NAME counters
  case/w/K         weights of output number K, which make a loss of the outputs: L = sum of w * y
  case/y/K         outputs
  case/gin/NAME    the gradient of L by an input, case/gp/NAME by a parameter
  case/after/NAME  buffers and counters as they are in the end
"""

import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

INF = math.inf


def short(x):
    return repr(float(f"{x:.15g}"))


class Values:
    """Short decimals from a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def tensor(self, *shape, low=-1.0, high=1.0):
        n = math.prod(shape)
        return torch.tensor([round(self.random.uniform(low, high), 2) for _ in range(n)]).reshape(shape)


class File:
    def __init__(self, name):
        self.path = Path(__file__).parent / f"torch_{name}.txt"
        self.lines = ["# Written by torch_layers.py; do not edit."]

    def line(self, name, tensor):
        tensor = torch.as_tensor(tensor).detach()
        values = " ".join(short(float(v)) for v in tensor.flatten().tolist())
        sizes = "".join(f" {n}" for n in tensor.shape)
        self.lines.append(f"{name}{sizes} | {values}".rstrip())

    def case(self, name, module, inputs, call, after=False):
        """One case: `call(module, *inputs)` gives the outputs. Inputs that are no floats are not differentiated by."""
        values = Values(name)
        inputs = {key: values.tensor(*x) if isinstance(x, tuple) else x for key, x in inputs.items()}
        for x in inputs.values():
            if x.is_floating_point():
                x.requires_grad_()
        with torch.no_grad():
            for p in module.parameters():
                p.copy_(values.tensor(*p.shape))
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx] = 0.0
        for key, value in inputs.items():
            self.line(f"{name}/in/{key}", value.double())
        counters = {key for key, value in module.state_dict().items() if not value.is_floating_point()}
        for key, value in module.state_dict().items():
            self.line(f"{name}/{'n' if key in counters else 'p'}/{key}", value.clone())
        outputs = call(module, *inputs.values())
        loss = 0.0
        for k, y in enumerate(outputs):
            w = values.tensor(*y.shape)
            self.line(f"{name}/w/{k}", w)
            self.line(f"{name}/y/{k}", y)
            # What is infinite or NaN is not part of the loss.
            loss = loss + (w * torch.where(y.isfinite(), y, torch.zeros(()))).sum()
        if loss.requires_grad:
            loss.backward()
        for key, x in inputs.items():
            if x.grad is not None:
                self.line(f"{name}/gin/{key}", x.grad)
        for key, p in module.named_parameters():
            if p.grad is not None:
                self.line(f"{name}/gp/{key}", p.grad)
        if after:
            for key, value in module.named_buffers():
                self.line(f"{name}/after/{key}", value)

    def write(self):
        self.path.write_text("\n".join(self.lines) + "\n")


def one(call):
    return lambda module, *inputs: (call(module, *inputs),)


forward = one(lambda module, *inputs: module(*inputs))


class Empty(nn.Module):
    """No parameters: for functions."""


class Formula(nn.Module):
    """A function as a module."""

    def __init__(self, formula):
        super().__init__()
        self.forward = formula


# ---- single layers -----------------------------------------------------------------------------------------------------


def layers():
    f = File("layers")
    f.case("linear", nn.Linear(3, 2), {"x": (2, 2, 3)}, forward)
    f.case("linear_vector", nn.Linear(3, 2), {"x": (3,)}, forward)
    f.case("linear_without_bias", nn.Linear(3, 2, bias=False), {"x": (4, 3)}, forward)
    indices = torch.tensor([[1, 0, 3], [3, 3, 0]])
    f.case("embedding", nn.Embedding(4, 2), {"indices": indices}, forward)
    f.case("embedding_padding", nn.Embedding(4, 2, padding_idx=0), {"indices": indices}, forward)
    points = torch.tensor([-1e4, -300.0, -30.0, -3.5, -1.2, -0.3, 0.0, 0.4, 0.9, 2.5, 7.0, 30.0, 300.0, 1e4])
    smooth = points[points != 0]
    activations = {
        "relu": nn.ReLU(),
        "leaky_relu": nn.LeakyReLU(),
        "relu6": nn.ReLU6(),
        "elu": nn.ELU(alpha=1.5),
        "celu": nn.CELU(alpha=2.0),
        "selu": nn.SELU(),
        "gelu": nn.GELU(),
        "gelu_tanh": nn.GELU(approximate="tanh"),
        "silu": nn.SiLU(),
        "mish": nn.Mish(),
        "hardswish": nn.Hardswish(),
        "sigmoid": nn.Sigmoid(),
        # PyTorch's own is right to the digits of float32 only: it multiplies gradients by a sixth of that type.
        "hardsigmoid": Formula(lambda x: (x + 3).clamp(0, 6) / 6),
        "log_sigmoid": nn.LogSigmoid(),
        "tanh": nn.Tanh(),
        "hardtanh": nn.Hardtanh(),
        "softsign": nn.Softsign(),
        "softplus": nn.Softplus(beta=2.0),
        "prelu": nn.PReLU(),
        "softmax": nn.Softmax(dim=-1),
        "log_softmax": nn.LogSoftmax(dim=-1),
    }
    for name, module in activations.items():
        kinked = name in ("relu", "leaky_relu", "elu", "celu", "prelu")
        f.case(f"activation/{name}", module, {"x": (points if kinked else smooth).clone()}, forward)
    f.case("prelu_channels", nn.PReLU(3), {"x": (2, 3, 2)}, forward)
    f.case("glu", nn.GLU(dim=1), {"x": (2, 4, 3)}, forward)

    for name, gain in {"linear": 1, "sigmoid": 1, "tanh": 1, "relu": 1, "leaky_relu": 0.2, "selu": 1}.items():
        f.line(f"gain/{name}", nn.init.calculate_gain(name, gain))
    for shape in [(5, 3), (6, 4, 3), (2, 8, 3, 5)]:
        f.line(f"fans/{'x'.join(map(str, shape))}", nn.init._calculate_fan_in_and_fan_out(torch.empty(shape)))

    # Sinusoidal and rotary positions, from their papers' formulas.
    length, size = 4, 6
    t = torch.arange(length).double()[:, None]
    rate = torch.exp(torch.arange(0, size, 2).double() * (-math.log(10000.0) / size))
    table = torch.stack([torch.sin(t * rate), torch.cos(t * rate)], -1).flatten(1)
    f.case("sinusoidal", Empty(), {"x": (2, length, size)}, one(lambda _, x: x + table))
    cos, sin = torch.cos((t + 3) * rate), torch.sin((t + 3) * rate)

    def halves(_, x):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def neighbours(_, x):
        # As multiplication by a complex number.
        z = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.polar(torch.ones(()), (t + 3) * rate)
        return torch.view_as_real(z).flatten(-2)

    f.case("rotary_halves", Empty(), {"x": (2, length, size)}, one(halves))
    f.case("rotary_neighbours", Empty(), {"x": (2, length, size)}, one(neighbours))
    f.write()


# ---- normalisation -----------------------------------------------------------------------------------------------------


def evaluated(module):
    """With running statistics of its own, in evaluation mode."""
    values = Values("running")
    module.running_mean.copy_(values.tensor(*module.running_mean.shape))
    module.running_var.copy_(values.tensor(*module.running_var.shape, low=0.5, high=2.0))
    return module.eval()


def three_batches(module, *batches):
    outputs = tuple(module(x) for x in batches)
    module.eval()
    return outputs + (module(batches[0]),)


def norms():
    f = File("norms")
    batches = {"x0": (3, 2), "x1": (4, 2), "x2": (2, 2)}
    f.case("batch_norm_1d", nn.BatchNorm1d(2), batches, three_batches, after=True)
    f.case("batch_norm_cumulative", nn.BatchNorm1d(2, momentum=None), batches, three_batches, after=True)
    f.case("batch_norm_length", nn.BatchNorm1d(2, momentum=0.3, eps=0.1), {"x": (2, 2, 3)}, forward, after=True)
    f.case("batch_norm_2d", nn.BatchNorm2d(2), {"x": (2, 2, 2, 3)}, forward, after=True)
    f.case("batch_norm_3d", nn.BatchNorm3d(2), {"x": (1, 2, 2, 1, 2)}, forward, after=True)
    f.case("batch_norm_eval", evaluated(nn.BatchNorm2d(2)), {"x": (2, 2, 1, 3)}, forward, after=True)
    f.case("batch_norm_one_in_eval", evaluated(nn.BatchNorm1d(2)), {"x": (1, 2)}, forward, after=True)
    f.case("batch_norm_without_affine", nn.BatchNorm1d(2, affine=False), {"x": (3, 2)}, forward, after=True)
    plain = nn.BatchNorm1d(2, track_running_stats=False).eval()
    f.case("batch_norm_without_running", plain, {"x": (3, 2)}, forward)
    f.case("layer_norm", nn.LayerNorm(4), {"x": (2, 3, 4)}, forward)
    f.case("layer_norm_two_axes", nn.LayerNorm((2, 3), eps=0.1), {"x": (2, 2, 3)}, forward)
    f.case("layer_norm_without_bias", nn.LayerNorm(3, bias=False), {"x": (2, 3)}, forward)
    f.case("layer_norm_without_affine", nn.LayerNorm(3, elementwise_affine=False), {"x": (2, 3)}, forward)
    f.case("layer_norm_of_equals", nn.LayerNorm(3), {"x": torch.tensor([[0.25, 0.25, 0.25], [1e3, 1e3, -1e3]])}, forward)
    f.case("rms_norm", nn.RMSNorm(4), {"x": (2, 4)}, forward)
    f.case("rms_norm_eps", nn.RMSNorm((2, 2), eps=0.1), {"x": (3, 2, 2)}, forward)
    f.case("group_norm", nn.GroupNorm(2, 4), {"x": (2, 4, 3)}, forward)
    f.case("group_norm_rank_2", nn.GroupNorm(2, 4, eps=0.1), {"x": (2, 4)}, forward)
    f.case("group_norm_without_affine", nn.GroupNorm(1, 2, affine=False), {"x": (2, 2, 2, 2)}, forward)
    f.case("instance_norm", nn.InstanceNorm1d(2), {"x": (2, 2, 3)}, forward)
    f.case("instance_norm_affine", nn.InstanceNorm2d(2, affine=True), {"x": (2, 2, 2, 2)}, forward)
    f.case("instance_norm_unbatched", nn.InstanceNorm1d(2, affine=True), {"x": (2, 3)}, forward)
    f.write()


# ---- convolution and pooling -------------------------------------------------------------------------------------------


def convs():
    f = File("convs")
    f.case("conv1d", nn.Conv1d(2, 3, 2, stride=2, padding=1), {"x": (2, 2, 5)}, forward)
    f.case("conv2d", nn.Conv2d(2, 2, 3, padding=1), {"x": (1, 2, 3, 4)}, forward)
    options = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}
    f.case("conv2d_options", nn.Conv2d(4, 2, (2, 2), **options), {"x": (2, 4, 3, 4)}, forward)
    f.case("conv2d_same", nn.Conv2d(1, 2, (2, 3), padding="same", bias=False), {"x": (1, 1, 3, 3)}, forward)
    f.case("conv2d_pointwise", nn.Conv2d(3, 2, 1, stride=2), {"x": (1, 3, 3, 3)}, forward)
    f.case("conv2d_unbatched", nn.Conv2d(2, 1, 2), {"x": (2, 3, 3)}, forward)
    f.case("conv2d_depthwise", nn.Conv2d(2, 4, 2, groups=2), {"x": (1, 2, 3, 2)}, forward)
    f.case("conv3d", nn.Conv3d(1, 2, 2, stride=(1, 2, 1)), {"x": (1, 1, 2, 4, 3)}, forward)
    f.case("transposed1d", nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1), {"x": (2, 2, 3)}, forward)
    options = {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2), "dilation": (2, 1), "groups": 2}
    f.case("transposed2d", nn.ConvTranspose2d(4, 2, (2, 3), **options), {"x": (1, 4, 2, 2)}, forward)
    f.case("transposed2d_unbatched", nn.ConvTranspose2d(2, 1, 2, bias=False), {"x": (2, 2, 2)}, forward)
    f.case("transposed3d", nn.ConvTranspose3d(1, 2, (1, 2, 2), stride=2), {"x": (1, 1, 2, 2, 1)}, forward)
    pool = lambda name, module, *shape: f.case(f"pool/{name}", module, {"x": shape}, forward)
    pool("max1d", nn.MaxPool1d(2), 2, 2, 5)
    pool("max2d", nn.MaxPool2d((2, 3), stride=(1, 2), padding=1, ceil_mode=True), 1, 2, 4, 4)
    pool("max2d_dilated", nn.MaxPool2d(2, stride=1, dilation=(2, 1)), 2, 1, 4, 3)
    pool("max3d", nn.MaxPool3d(2), 1, 1, 2, 4, 3)
    pool("avg1d", nn.AvgPool1d(3, stride=2), 2, 2, 6)
    pool("avg2d", nn.AvgPool2d(2, stride=1, padding=1), 1, 1, 3, 2)
    pool("avg2d_inside", nn.AvgPool2d(2, padding=1, count_include_pad=False, ceil_mode=True), 1, 1, 4, 4)
    pool("avg3d", nn.AvgPool3d((1, 2, 2)), 1, 2, 2, 2, 2)
    pool("adaptive_max1d", nn.AdaptiveMaxPool1d(3), 1, 2, 5)
    pool("adaptive_max2d", nn.AdaptiveMaxPool2d((2, 3)), 1, 1, 5, 4)
    pool("adaptive_max3d", nn.AdaptiveMaxPool3d(1), 1, 1, 2, 2, 2)
    pool("adaptive_avg1d", nn.AdaptiveAvgPool1d(3), 1, 2, 4)
    pool("adaptive_avg2d", nn.AdaptiveAvgPool2d((2, 3)), 2, 3, 5)
    pool("adaptive_avg3d", nn.AdaptiveAvgPool3d(1), 1, 1, 2, 2, 2)
    f.write()


# ---- recurrent layers --------------------------------------------------------------------------------------------------


def lstm(module, x, h=None, c=None):
    y, (h, c) = module(x) if h is None else module(x, (h, c))
    return y, h, c


def recurrent():
    f = File("recurrent")
    both = {"num_layers": 2, "bidirectional": True}
    f.case("rnn", nn.RNN(3, 2), {"x": (4, 2, 3)}, lambda m, x: m(x))
    f.case("rnn_relu", nn.RNN(2, 3, nonlinearity="relu", bias=False), {"x": (3, 2), "h": (1, 3)}, lambda m, x, h: m(x, h))
    f.case("rnn_deep", nn.RNN(2, 2, batch_first=True, **both), {"x": (2, 3, 2), "h": (4, 2, 2)}, lambda m, x, h: m(x, h))
    f.case("lstm", nn.LSTM(3, 2), {"x": (4, 2, 3)}, lstm)
    f.case("lstm_deep", nn.LSTM(2, 2, batch_first=True, **both), {"x": (2, 3, 2), "h": (4, 2, 2), "c": (4, 2, 2)}, lstm)
    f.case("lstm_unbatched", nn.LSTM(2, 3, bias=False), {"x": (3, 2), "h": (1, 3), "c": (1, 3)}, lstm)
    f.case("lstm_one_step", nn.LSTM(2, 2, bidirectional=True), {"x": (1, 2, 2)}, lstm)
    f.case("gru", nn.GRU(3, 2), {"x": (4, 2, 3)}, lambda m, x: m(x))
    f.case("gru_deep", nn.GRU(2, 2, **both), {"x": (3, 2, 2), "h": (4, 2, 2)}, lambda m, x, h: m(x, h))
    f.case("gru_unbatched", nn.GRU(2, 3, bias=False, bidirectional=True), {"x": (3, 2)}, lambda m, x: m(x))
    f.write()


# ---- attention ---------------------------------------------------------------------------------------------------------


def bools(name, *shape, share=0.3):
    numbers = random.Random(name)
    return torch.tensor([numbers.random() < share for _ in range(math.prod(shape))]).reshape(shape)


def attend(**options):
    """Output and weights of every head."""
    return lambda m, q, k, v: m(q, k, v, average_attn_weights=False, **options)


def attention():
    f = File("attention")
    plain = {"q": (2, 3, 2), "k": (2, 4, 2), "v": (2, 4, 3)}
    sdpa = F.scaled_dot_product_attention
    f.case("dot", Empty(), plain, one(lambda _, q, k, v: sdpa(q, k, v)))
    f.case("dot_causal", Empty(), plain, one(lambda _, q, k, v: sdpa(q, k, v, is_causal=True)))
    # Its second query may look at nothing.
    allowed = torch.tensor([[True, False, True, True], [False] * 4, [True, True, False, False]])
    f.line("dot_allowed/mask", allowed.double())
    f.case("dot_allowed", Empty(), plain, one(lambda _, q, k, v: sdpa(q, k, v, attn_mask=allowed)))
    added = torch.tensor([[0.5, -INF, 0.0, 0.25], [-INF] * 4, [-1.0, 2.0, -INF, 0.0]])
    f.line("dot_infinite/mask", added)
    f.case("dot_infinite", Empty(), plain, one(lambda _, q, k, v: sdpa(q, k, v, attn_mask=added)))
    f.case("dot_added", Empty(), plain | {"bias": (3, 4)}, one(lambda _, q, k, v, b: sdpa(q, k, v, attn_mask=b)))

    def mha(size=4, heads=2, **options):
        return nn.MultiheadAttention(size, heads, batch_first=True, **options)

    self_attention = lambda m, x, **options: m(x, x, x, average_attn_weights=False, **options)
    f.case("self", mha(), {"x": (2, 3, 4)}, self_attention)
    f.case("self_unbatched", mha(bias=False), {"x": (3, 4)}, self_attention)
    padding = torch.tensor([[False, False, True], [False, True, False]])
    causal = torch.triu(torch.ones(3, 3, dtype=torch.bool), 1)
    f.line("self_masked/padding", padding.double())
    masked = lambda m, x: self_attention(m, x, attn_mask=causal, key_padding_mask=padding)
    f.case("self_masked", mha(), {"x": (2, 3, 4)}, masked)
    cross = {"q": (2, 2, 4), "k": (2, 3, 4), "v": (2, 3, 4)}
    by_head = bools("by_head", 4, 2, 3)
    by_head[:, :, 0] = False
    f.line("cross_by_head/mask", by_head.double())
    f.case("cross_by_head", mha(), cross, attend(attn_mask=by_head))
    bias = Values("bias").tensor(2, 3)
    f.line("cross_added/mask", bias)
    f.case("cross_added", mha(), cross, attend(attn_mask=bias))
    other = {"q": (2, 2, 4), "k": (2, 3, 3), "v": (2, 3, 2)}
    f.case("cross_other_sizes", mha(kdim=3, vdim=2), other, attend())

    def layer(kind, **options):
        return kind(4, 2, dim_feedforward=3, batch_first=True, dropout=0.1, **options).eval()

    encoder, decoder = nn.TransformerEncoderLayer, nn.TransformerDecoderLayer
    # The fused path of evaluation is left out by gradients being asked for.
    f.case("encoder", layer(encoder), {"x": (2, 3, 4)}, forward)
    mask = one(lambda m, x: m(x, src_mask=causal, src_key_padding_mask=padding))
    f.line("encoder_masked/padding", padding.double())
    f.case("encoder_masked", layer(encoder, norm_first=True, activation="gelu", layer_norm_eps=0.01), {"x": (2, 3, 4)}, mask)
    f.case("encoder_without_biases", layer(encoder, bias=False), {"x": (3, 4)}, forward)
    pair = {"x": (2, 3, 4), "memory": (2, 2, 4)}
    f.case("decoder", layer(decoder), pair, forward)
    seen = torch.tensor([[False, True], [False, False]])
    f.line("decoder_masked/padding", seen.double())
    mask = one(lambda m, x, memory: m(x, memory, tgt_mask=causal, memory_key_padding_mask=seen))
    f.case("decoder_masked", layer(decoder, norm_first=True, activation="gelu"), pair, mask)
    f.write()


layers()
norms()
convs()
recurrent()
attention()
