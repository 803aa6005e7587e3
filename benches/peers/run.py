#!/usr/bin/env python3
"""Runs rensa and its peers side by side and writes the tables of docs/benchmarks.md.

    python3 benches/peers/run.py [CASE…] [--threads 1 2] [--rounds 7] [--ms 60] [--mnist DIRECTORY] [--write]

Without words all cases run; a word selects those that begin with it. It builds the Rust contenders (minutes, the first time) and makes a
virtual environment for the Python ones under CARGO_TARGET_DIR, or `target` here. Every contender is a process of its own, and only one
of them computes at a time. First all must find the same numbers; then, round by round, each is timed once, so that what disturbs the
machine disturbs all. A ratio is the median over rounds of rensa's time to the other's in the same round. With MNIST's four files in a
directory the tutorial's whole training is a case, too: processes from their start to their end.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent.parent / "docs" / "benchmarks.md"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target")).resolve()
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"

RUST = ["rensa", "burn", "candle", "dfdx"]
PYTHON = {
    "PyTorch": ["torch_peer.py"],
    "PyTorch compiled": ["torch_peer.py", "compiled"],
    "JAX": ["jax_peer.py"],
    "NumPy": ["numpy_peer.py"],
}


def matmuls():
    thin = ["NN 100 784 50", "TN 784 100 50", "NT 100 50 784", "NN 100 50 10", "TN 50 100 10", "NT 100 10 50"]
    large = ["NN 512 1024 1024", "TN 1024 512 1024", "NT 512 1024 1024"]
    square = [f"{form} {n} {n} {n}" for n in (32, 64, 128, 256, 512, 1024, 2048) for form in ("NN", "TN", "NT")]
    return [f"matmul {scalar} {rest}" for scalar in ("f32", "f64") for rest in square + thin + large]


CASES = matmuls() + ["bmm 64 64 64 64", "bmm 64 64 32 64"]
CASES += ["two-layer", "mlp-adam", "chain", "elementwise 10000", "elementwise 1000000"]
CASES += [f"rows {op}" for op in ("sum", "mean", "var", "softmax", "log_softmax", "layer_norm")]
CASES += [f"columns {op}" for op in ("sum", "mean", "var", "softmax", "log_softmax")]
CASES += ["convnet", "conv2d 16 64 56 3 1", "conv2d 32 3 224 7 2", "transformer"]


class Contender:
    """A process that answers one line for each that it gets."""

    def __init__(self, who, command, threads):
        self.who = who
        environment = os.environ | environment_of(threads)
        # XLA has a thread for each processor that it may use.
        first = {int(cpu) for cpu in list(os.sched_getaffinity(0))[:1]}
        pin = (lambda: os.sched_setaffinity(0, first)) if threads == 1 and who == "JAX" else None
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, preexec_fn=pin
        )

        self.process.send_signal(signal.SIGSTOP)

    def ask(self, line):
        """The answer. Between answers the process is stopped, since some wait for their next work in a loop that takes a processor."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline().strip() or None
        except BrokenPipeError:
            return None
        finally:
            self.process.send_signal(signal.SIGSTOP)


class Peak(Contender):
    """rensa's program once more, whose time for a product is that of as many operations at the processor's peak."""

    def ask(self, line):
        case, *ms = line.split("\t")
        if not case.startswith("matmul"):
            return "none"
        answer = super().ask("\t".join([f"peak {case.split()[1]}", *ms]))
        if ms:
            return float(answer) * operations(case) / self.operations
        self.operations = float(answer)
        return answer


def python():
    """The interpreter that has what requirements.txt asks for."""
    folder = TARGET / "peers-venv"
    program = folder / "bin" / "python"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([program, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
    return str(program)


def build():
    """The commands of all contenders that could be built."""
    environment = os.environ | {"CARGO_TARGET_DIR": str(TARGET)}
    subprocess.run(["cargo", "build", "--release", "--keep-going", "--quiet"], cwd=HERE, env=environment, check=False)
    commands = {name: [str(TARGET / "release" / f"peer-{name}")] for name in RUST}
    commands = {name: command for name, command in commands.items() if Path(command[0]).exists()}
    commands |= {"peak": commands["rensa"]} if "rensa" in commands else {}
    interpreter = python()
    for name, (script, *rest) in PYTHON.items():
        commands[name] = [interpreter, str(HERE / "python" / script), *rest]
    return commands


def agree(found, expected):
    """Whether the numbers are the same but for rounding."""
    scale = max(abs(x) for x in expected)
    return len(found) == len(expected) and all(abs(a - b) <= 2e-3 * abs(b) + 2e-4 * scale for a, b in zip(found, expected))


def measure(case, contenders, rounds, ms):
    """The nanoseconds of each contender in each round; those that have the case and find rensa's numbers."""
    answers = {c.who: c.ask(case) for c in contenders}
    numbers = {who: [float(x) for x in a.split()] for who, a in answers.items() if a not in (None, "none")}
    expected = numbers["rensa"]
    for who, found in numbers.items():
        if who != "peak" and not agree(found, expected):
            sys.exit(f"{case}: {who} finds {found}, rensa {expected}")
    taking = [c for c in contenders if c.who in numbers]
    times = {c.who: [] for c in taking}
    for number in range(rounds + 1):
        for c in taking if number % 2 else reversed(taking):
            taken = float(c.ask(f"{case}\t{ms}"))
            if number > 0:  # the first round warms up
                times[c.who].append(taken)
    return times


def measure_training(commands, directory, rounds, threads):
    """As [`measure`], of processes that train the two-layer net for 10,000 iterations and print its accuracy."""
    script, environment = str(HERE / "python" / "mnist.py"), os.environ | environment_of(threads)
    trainers = {
        "rensa": [str(TARGET / "release" / "peer-rensa-mnist")],
        "PyTorch": [commands["PyTorch"][0], script, "torch"],
        "NumPy": [commands["PyTorch"][0], script, "numpy"],
    }
    times = {who: [] for who in trainers}
    for number in range(rounds):
        for who in list(trainers)[:: 1 if number % 2 else -1]:
            start = time.perf_counter()
            done = subprocess.run(trainers[who] + [directory, "10000"], env=environment, check=True, capture_output=True, text=True)
            times[who].append((time.perf_counter() - start) * 1e9)
            if not 0.96 < float(done.stdout) < 0.98:
                sys.exit(f"{who} reaches an accuracy of {done.stdout}")
    return times


def environment_of(threads):
    names = ["THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]
    return {name: str(threads) for name in names}


def run(commands, cases, threads, rounds, ms):
    results = {}
    contenders = [(Peak if who == "peak" else Contender)(who, command, threads) for who, command in commands.items()]
    for case in cases:
        results[case] = measure(case, contenders, rounds, ms)
        line = ", ".join(f"{who} {statistics.median(t) / 1e3:.1f}" for who, t in results[case].items())
        print(f"{case}, {threads} threads, µs: {line}", flush=True)
    for c in contenders:
        c.process.kill()
    return results


def ratio(times, who):
    return statistics.median(a / b for a, b in zip(times["rensa"], times[who]))


def operations(product):
    m, k, n = map(int, product.split()[3:])
    return 2 * m * k * n


def product_table(results, threads):
    """GFLOP/s of the products and of the processor at its peak, rensa's share of that, and how much faster rensa is than PyTorch."""
    whos = ["rensa", "PyTorch", "NumPy", "peak"]
    lines = [f"### Matrix products, {threads} thread{'s' * (threads > 1)}, GFLOP/s", ""]
    lines += [f"| case | {' | '.join(whos)} | of peak | rensa : PyTorch |", "|---" * (len(whos) + 3) + "|"]
    ratios = []
    for case, times in results.items():
        if case.startswith("matmul"):
            speeds = [f"{operations(case) / statistics.median(times[who]):.1f}" if who in times else "–" for who in whos]
            of_peak = f"{1 / ratio(times, 'peak'):.2f}" if "peak" in times else "–"
            ratios.append(1 / ratio(times, "PyTorch"))
            lines.append(f"| {case[7:]} | {' | '.join(speeds)} | {of_peak} | {ratios[-1]:.2f} |")
    if not ratios:
        return ""
    return "\n".join(lines) + f"\n\nGeometric mean {statistics.geometric_mean(ratios):.2f}, least {min(ratios):.2f}.\n\n"


def time_table(results, threads):
    """µs of everything else, and rensa's share of each peer's time."""
    whos = ["PyTorch", "PyTorch compiled", "JAX", "NumPy", "burn", "candle", "dfdx"]
    lines = [f"### Everything else, {threads} thread{'s' * (threads > 1)}, µs (and rensa's share of the peer's time)", ""]
    lines += ["| case | rensa | " + " | ".join(whos) + " |", "|---" * (len(whos) + 2) + "|"]
    rows = [(case, times) for case, times in results.items() if not case.startswith("matmul")]
    for case, times in rows:
        cell = lambda who: f"{statistics.median(times[who]) / 1e3:,.1f} ({ratio(times, who):.2f})" if who in times else "–"
        lines.append(f"| {case} | {statistics.median(times['rensa']) / 1e3:,.1f} | {' | '.join(map(cell, whos))} |")
    return "\n".join(lines) + "\n\n" if rows else ""


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return "unknown processor"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="beginnings of the names of cases")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--ms", type=float, default=60, help="milliseconds that each is timed in a round")
    parser.add_argument("--mnist", help="the directory of MNIST's four files")
    parser.add_argument("--without", nargs="*", default=[], help="contenders to leave out")
    parser.add_argument("--write", action="store_true", help="write the tables to docs/benchmarks.md")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.cases or any(case.startswith(word) for word in options.cases)]
    commands = {who: command for who, command in build().items() if who not in options.without}
    tables = f"{processor()}, {os.cpu_count()} processors; medians of {options.rounds} interleaved rounds.\n\n"
    for threads in options.threads:
        results = run(commands, cases, threads, options.rounds, options.ms)
        if options.mnist:
            results["MNIST, 10,000 iterations"] = measure_training(commands, options.mnist, options.rounds, threads)
        tables += product_table(results, threads) + time_table(results, threads)
        json.dump(results, open(TARGET / f"peers-{threads}.json", "w"))
    print(tables)
    if options.write:
        before, rest = DOCS.read_text().split(BEGIN)
        DOCS.write_text(before + BEGIN + tables + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
