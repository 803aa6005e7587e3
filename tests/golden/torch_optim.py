"""Golden trajectories of optimizers over 100 steps, and of schedules, in float64: PyTorch's own, and for Lion the paper's algorithm.

Needs PyTorch and NumPy; writes torch_optim.txt beside itself, the same bytes at every run.

The problem is a small net whose parameters have odd shapes, a scalar among them; what it is to learn changes from step to
step. Of each step the file has one number, a weighted sum of all elements of all parameters; of the last one all of them.

Format: one tensor a line, `name sizes... | values...`, row-major; a scalar has no sizes. Lines that begin with `#` are
comments. Inputs are written as the shortest text that reads back as the same float64, results with 12 digits, so that no
processor's order of additions is in them.
"""

import math
import warnings
from pathlib import Path

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
warnings.filterwarnings("ignore", message=".*epoch parameter.*")

OPTIM, SCHEDULES = torch.optim, torch.optim.lr_scheduler
STEPS = 100
SHAPES = {"w1": (5, 3), "b1": (5,), "w2": (5, 2), "scale": (), "b2": (1, 2)}
INPUTS = {"x": (4, 3), "t": (4, 2)}


def numbers(shape, phase):
    """Numbers of either sign and size up to 1 that follow no line."""
    n = math.prod(shape)
    return torch.tensor([math.sin(1.7 * i * i + 0.9 * i + phase) for i in range(n)]).reshape(shape)


START = {name: numbers(shape, 1.0 + k) * 0.7 for k, (name, shape) in enumerate(SHAPES.items())}
X, T = (numbers(shape, 11.0 + k) for k, shape in enumerate(INPUTS.values()))


def loss_of(params, step, x=X, t=T):
    w1, b1, w2, scale, b2 = params.values()
    y = scale * (torch.tanh(x @ w1.T + b1) @ w2) + b2
    return ((y - t * (1.0 + 0.5 * math.cos(0.7 * step))) ** 2).mean()


def fresh():
    return {name: value.clone().requires_grad_() for name, value in START.items()}


def digest(params):
    flat = torch.cat([p.detach().reshape(-1) for p in params.values()])
    return sum(x * math.cos(0.11 * i) for i, x in enumerate(flat.tolist()))


def result(value):
    return f"{value:.12g}"


def line(name, shape, values, text=result):
    return " ".join([name, *map(str, shape), "|", *map(text, values)])


def trajectory(name, steps):
    """The lines of a case whose `steps` yields the parameters after each step."""
    digests = []
    for params in steps:
        digests.append(digest(params))
    assert len(digests) == STEPS and all(map(math.isfinite, digests)), name
    yield line(f"{name}/digests", [STEPS], digests)
    for key, value in params.items():
        yield line(f"{name}/{key}", value.shape, value.detach().reshape(-1).tolist())


def of_torch(make, clip=lambda params: None, schedule_for=lambda optimizer: None):
    params = fresh()
    optimizer = make(params)
    schedule = schedule_for(optimizer)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss_of(params, step).backward()
        clip(params.values())
        optimizer.step()
        if schedule is not None:
            schedule.step()
        yield params


def simple(kind, **options):
    return lambda: of_torch(lambda params: kind(list(params.values()), foreach=False, **options))


def lion(lr, betas=(0.9, 0.99), weight_decay=0.0):
    """Algorithm 2 of "Symbolic Discovery of Optimization Algorithms" (2023), line by line, in NumPy."""

    def run():
        params = fresh()
        m = {name: np.zeros(value.shape) for name, value in params.items()}
        for step in range(STEPS):
            gradients = torch.autograd.grad(loss_of(params, step), list(params.values()))
            for (name, theta), g in zip(params.items(), gradients, strict=True):
                theta, g = theta.detach().numpy(), g.numpy()
                c = betas[0] * m[name] + (1 - betas[0]) * g
                assert np.abs(c).min() > 1e-9, "a sign that rounding could decide: choose other numbers"
                theta = theta - lr * (np.sign(c) + weight_decay * theta)
                m[name] = betas[1] * m[name] + (1 - betas[1]) * g
                params[name] = torch.tensor(theta).requires_grad_()
            yield params

    return run


def groups():
    """AdamW with another rate for the last layer and no decay on biases, its rates falling by steps."""

    def make(params):
        w1, b1, w2, scale, b2 = params.values()
        return OPTIM.AdamW(
            [
                {"params": [w1, scale]},
                {"params": [b1], "weight_decay": 0.0},
                {"params": [w2], "lr": 0.05},
                {"params": [b2], "lr": 0.05, "weight_decay": 0.0},
            ],
            lr=0.01,
            weight_decay=0.1,
            foreach=False,
        )

    return of_torch(make, schedule_for=lambda optimizer: SCHEDULES.StepLR(optimizer, 30, gamma=0.3))


def one_cycle():
    """Adam whose rate and first beta go through one cycle."""

    return of_torch(
        lambda params: OPTIM.Adam(list(params.values()), lr=0.01, foreach=False),
        schedule_for=lambda optimizer: SCHEDULES.OneCycleLR(optimizer, max_lr=0.05, total_steps=STEPS + 1),
    )


def clipped(clip):
    return lambda: of_torch(
        lambda params: OPTIM.SGD(list(params.values()), lr=0.05, momentum=0.9, foreach=False), clip=clip
    )


def accumulated():
    """The gradients of two halves of the batch, added up."""
    params = fresh()
    optimizer = OPTIM.SGD(list(params.values()), lr=0.05, momentum=0.9, foreach=False)
    for step in range(STEPS):
        optimizer.zero_grad()
        for half in (slice(0, 2), slice(2, 4)):
            (loss_of(params, step, X[half], T[half]) * 0.5).backward()
        optimizer.step()
        yield params


def lbfgs(loss_of, **options):
    """What there is to learn stays the same here: L-BFGS is for losses that do.

    Each case is one whose way does not depend on rounding: begun 1e-15 elsewhere it ends within 1e-11. It stops before the
    loss is as small as rounding lets it be, since from there on chance would decide where a step ends.
    """

    def run():
        params = fresh()
        optimizer = OPTIM.LBFGS(list(params.values()), line_search_fn="strong_wolfe", **options)

        def closure():
            optimizer.zero_grad()
            loss = loss_of(params)
            loss.backward()
            return loss

        for _ in range(STEPS):
            optimizer.step(closure)
            yield params

    return run


def decayed(decay):
    """With a pull towards zero, so that there is one minimum and the way to it is stable."""
    return lambda params: loss_of(params, 0) + decay * sum((p**2).sum() for p in params.values())


def rosenbrock(params):
    """A long curved valley through all elements."""
    x = torch.cat([p.reshape(-1) for p in params.values()])
    return ((1.0 - x[:-1]) ** 2 + 2.0 * (x[1:] - x[:-1] ** 2) ** 2).sum()


CASES = {
    "sgd": simple(OPTIM.SGD, lr=0.05),
    "sgd_momentum": simple(OPTIM.SGD, lr=0.05, momentum=0.9),
    "sgd_dampening": simple(OPTIM.SGD, lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.02),
    "sgd_nesterov": simple(OPTIM.SGD, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.02),
    "sgd_maximize": simple(OPTIM.SGD, lr=0.001, momentum=0.5, weight_decay=0.02, maximize=True),
    "adagrad": simple(OPTIM.Adagrad, lr=0.05),
    "adagrad_all": simple(
        OPTIM.Adagrad, lr=0.1, lr_decay=0.02, weight_decay=0.03, initial_accumulator_value=0.2, eps=1e-6
    ),
    "rmsprop": simple(OPTIM.RMSprop, lr=0.01),
    "rmsprop_momentum": simple(OPTIM.RMSprop, lr=0.005, alpha=0.9, momentum=0.7, weight_decay=0.02),
    "rmsprop_centered": simple(OPTIM.RMSprop, lr=0.005, centered=True, eps=1e-4),
    "rmsprop_all": simple(
        OPTIM.RMSprop, lr=0.002, alpha=0.95, momentum=0.8, centered=True, weight_decay=0.02, eps=1e-3, maximize=True
    ),
    "adadelta": simple(OPTIM.Adadelta, lr=1.0),
    "adadelta_all": simple(OPTIM.Adadelta, lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.02),
    "adam": simple(OPTIM.Adam, lr=0.02),
    "adam_all": simple(OPTIM.Adam, lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.03, amsgrad=True),
    "adam_maximize": simple(OPTIM.Adam, lr=0.01, weight_decay=0.03, maximize=True),
    "adamw": simple(OPTIM.AdamW, lr=0.02),
    "adamw_all": simple(OPTIM.AdamW, lr=0.02, betas=(0.85, 0.99), eps=1e-6, weight_decay=0.2, amsgrad=True),
    "nadam": simple(OPTIM.NAdam, lr=0.02),
    "nadam_all": simple(OPTIM.NAdam, lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.03, momentum_decay=0.05),
    "nadam_decoupled": simple(OPTIM.NAdam, lr=0.02, weight_decay=0.1, decoupled_weight_decay=True),
    "radam": simple(OPTIM.RAdam, lr=0.02),
    "radam_all": simple(OPTIM.RAdam, lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.03),
    "radam_decoupled": simple(OPTIM.RAdam, lr=0.02, weight_decay=0.1, decoupled_weight_decay=True),
    "lion": lion(0.004),
    "lion_all": lion(0.005, betas=(0.85, 0.95), weight_decay=0.3),
    "groups": groups,
    "one_cycle": one_cycle,
    "clip_norm": clipped(lambda params: torch.nn.utils.clip_grad_norm_(params, 0.4, foreach=False)),
    "clip_value": clipped(lambda params: torch.nn.utils.clip_grad_value_(params, 0.1, foreach=False)),
    "accumulated": accumulated,
    "lbfgs": lbfgs(decayed(0.05), max_iter=1, max_eval=20, tolerance_grad=1e-6),
    "lbfgs_history": lbfgs(decayed(0.2), lr=0.7, max_iter=2, history_size=3, tolerance_grad=1e-6),
    "lbfgs_far": lbfgs(decayed(0.2), lr=8.0, max_iter=2, max_eval=40, history_size=5, tolerance_grad=1e-6),
    "lbfgs_valley": lbfgs(rosenbrock, max_iter=1, max_eval=20, history_size=5, tolerance_grad=1e-6),
    "lbfgs_valley_far": lbfgs(rosenbrock, lr=8.0, max_iter=1, max_eval=20, history_size=5, tolerance_grad=1e-6),
    "lbfgs_valley_near": lbfgs(rosenbrock, lr=0.05, max_iter=1, max_eval=20, history_size=5, tolerance_grad=1e-6),
}

RATES = {
    "step": lambda o: SCHEDULES.StepLR(o, 7, gamma=0.6),
    "multi_step": lambda o: SCHEDULES.MultiStepLR(o, [10, 25, 25, 70], gamma=0.3),
    "exponential": lambda o: SCHEDULES.ExponentialLR(o, 0.95),
    "cosine": lambda o: SCHEDULES.CosineAnnealingLR(o, 40, eta_min=0.01),
    "restarts": lambda o: SCHEDULES.CosineAnnealingWarmRestarts(o, 9),
    "restarts_longer": lambda o: SCHEDULES.CosineAnnealingWarmRestarts(o, 7, T_mult=2, eta_min=0.02),
    "one_cycle": lambda o: SCHEDULES.OneCycleLR(o, 0.4, total_steps=STEPS),
    "one_cycle_all": lambda o: SCHEDULES.OneCycleLR(
        o,
        0.4,
        total_steps=STEPS,
        pct_start=0.21,
        anneal_strategy="linear",
        base_momentum=0.7,
        max_momentum=0.9,
        div_factor=10.0,
        final_div_factor=100.0,
        three_phase=True,
    ),
    "linear": lambda o: SCHEDULES.LinearLR(o),
    "linear_all": lambda o: SCHEDULES.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=33),
    "sequential": lambda o: SCHEDULES.SequentialLR(
        o,
        [SCHEDULES.LinearLR(o, start_factor=0.1, total_iters=20), SCHEDULES.CosineAnnealingLR(o, 80)],
        milestones=[20],
    ),
}
PLATEAUS = {
    "plateau": {"patience": 3},
    "plateau_cooldown": {"patience": 2, "factor": 0.5, "cooldown": 4, "threshold": 0.05, "min_lr": 0.01},
    "plateau_absolute": {"patience": 2, "factor": 0.7, "threshold": 0.3, "threshold_mode": "abs"},
    "plateau_max": {"patience": 4, "factor": 0.6, "mode": "max", "threshold": 0.02},
    "plateau_max_absolute": {
        "patience": 1, "factor": 0.8, "mode": "max", "threshold": 0.1, "threshold_mode": "abs", "eps": 1e-3
    },
}


def sgd():
    return OPTIM.SGD([torch.zeros(1, requires_grad=True)], lr=0.5, momentum=0.9)


def rates():
    for name, make in RATES.items():
        optimizer = sgd()
        schedule = make(optimizer)
        lrs, momenta = [], []
        for _ in range(STEPS):
            lrs.append(optimizer.param_groups[0]["lr"])
            momenta.append(optimizer.param_groups[0]["momentum"])
            optimizer.step()
            if len(lrs) < STEPS:
                schedule.step()
        yield line(f"rates/{name}", [STEPS], lrs)
        if name.startswith("one_cycle"):
            yield line(f"momenta/{name}", [STEPS], momenta)


def plateaus():
    metrics = [3.0 * math.exp(-0.08 * i) + 0.3 * math.sin(1.3 * i) + 0.02 * i for i in range(STEPS)]
    yield line("metrics", [STEPS], metrics, repr)
    for name, options in PLATEAUS.items():
        optimizer = sgd()
        schedule = SCHEDULES.ReduceLROnPlateau(optimizer, **options)
        lrs = []
        for metric in metrics:
            schedule.step(metric)
            lrs.append(optimizer.param_groups[0]["lr"])
        assert len(set(lrs)) > 2, name
        yield line(f"rates/{name}", [STEPS], lrs)


def main():
    lines = ["# Written by torch_optim.py; do not edit."]
    for name, value in [*START.items(), ("x", X), ("t", T)]:
        lines.append(line(name, value.shape, value.reshape(-1).tolist(), repr))
    for name, run in CASES.items():
        lines += trajectory(name, run())
    lines += [*rates(), *plateaus()]
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
