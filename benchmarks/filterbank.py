"""How fast and how exact is the filter bank's forward and backward pass?

    python benchmarks/filterbank.py                      # 32 clips, 16 channels, 16,000 samples
    python benchmarks/filterbank.py --threads 1 --json benchmarks/results/filterbank.json
    python benchmarks/filterbank.py --accuracy           # no timing

Each way of filtering gets the same waveforms, the same bank and the same gradient from above, and
must return the gradients of the bank's own parameters (bias currents and capacitors). The ways take
turns within every round, so that whatever else the machine does falls on all of them; the ratios
are medians over the rounds. README.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spiceloop.filterbank import FilterBank, Transfer
from spiceloop.filterbank.recursion import BAND, TAPS, discretize, prefilter_taps

RATE = 16000.0
HOP = 160
TASKS = ("waveforms", "rectified means")
PLAIN = "plain FFT"

Run = Callable[[FilterBank, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--samples", type=int, default=16000)
    parser.add_argument("--q", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure there")
    parser.add_argument("--accuracy", action="store_true", help="time nothing")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    responses = response_errors()
    print(response_table(responses), end="\n\n")
    result: dict[str, Any] = {
        "settings": {k: v for k, v in vars(options).items() if k != "json"},
        "machine": machine(),
        "response": responses,
    }
    for task in TASKS:
        result[task] = measure(task, options)
        print(table(task, result[task]), end="\n\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def ways(task: str) -> dict[str, Run]:
    """Return the contenders; the reference of all ratios first."""
    waveforms: dict[str, Run] = {
        PLAIN: plain_fft,
        "FilterBank, fft": lambda bank, x: with_method(bank, "fft")(x),
        "FilterBank, recursion": lambda bank, x: with_method(bank, "recursion")(x),
    }
    try:
        importlib.import_module("torchaudio.functional")
        waveforms["torchaudio lfilter"] = lfilter
    except (ImportError, OSError) as error:  # OSError: built for another PyTorch
        print(f"torchaudio's lfilter is left out: {error}")
    if task == "waveforms":
        return waveforms

    def averaged(run: Run) -> Run:
        return lambda bank, x: means(run(bank, x))

    features = {name: averaged(run) for name, run in waveforms.items()}
    # Rectified and averaged in one pass: what a network for keywords calls.
    for method in ("fft", "recursion"):
        name = f"FilterBank, {method}"
        features[f"{name}, then rectified"] = features.pop(name)
        features[f"{name}, rectified_means"] = lambda bank, x, method=method: with_method(
            bank, method
        ).rectified_means(x, HOP)
    return features


def with_method(bank: FilterBank, method: str) -> FilterBank:
    bank.method = method
    return bank


def plain_fft(bank: FilterBank, x: Tensor, factor: int = 2) -> Tensor:
    """H(jω) on the grid of an FFT ``factor`` times as long as the clip; nothing but autograd."""
    size = factor * x.shape[-1]
    frequency = torch.fft.rfftfreq(size, 1 / RATE, dtype=torch.float64)
    spectrum = torch.fft.rfft(x, n=size)
    response = bank.response(frequency).to(spectrum.dtype)
    return torch.fft.irfft(spectrum[:, None] * response, n=size)[..., : x.shape[-1]]


def lfilter(bank: FilterBank, x: Tensor) -> Tensor:
    """torchaudio's lfilter on the bilinear transform, each channel warped to fit at its f0.

    A cheaper discretization than the others': the deviation says what it costs.
    """
    from torchaudio.functional import lfilter as run

    t = bank.transfer()
    w0 = t.d0.sqrt()
    k = w0 / (w0 / (2 * RATE)).tan()
    norm = k * k + t.d1 * k + t.d0
    a = torch.stack([norm, 2 * (t.d0 - k * k), k * k - t.d1 * k + t.d0], 1) / norm[:, None]
    b = torch.stack([t.b * k, torch.zeros_like(k), -t.b * k], 1) / norm[:, None]
    each = x[:, None].expand(-1, len(w0), -1)
    return run(each, a.to(x.dtype), b.to(x.dtype), clamp=False, batching=True)


def means(y: Tensor) -> Tensor:
    frames = y.shape[-1] // HOP
    return y.abs()[..., : frames * HOP].unflatten(-1, (frames, HOP)).mean(-1)


def clips(batch: int, samples: int) -> Tensor:
    """Noise without anything above 7 kHz, where no method's outcome is a matter of taste; faded."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal((batch, samples)))
    spectrum[:, np.fft.rfftfreq(samples, 1 / RATE) > 7000] = 0
    edge = min(samples // 10, 800)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    wave = np.fft.irfft(spectrum, samples)
    wave[:, :edge] *= ramp
    wave[:, -edge:] *= ramp[::-1]
    return torch.from_numpy(wave)


def measure(task: str, options: argparse.Namespace) -> dict[str, Any]:
    """Time and compare every way of doing ``task``."""
    bank = FilterBank.spread(options.channels, q=options.q)
    exact = clips(options.batch, options.samples)
    # The reference, clip by clip: in double precision with fourfold padding it is large.
    outputs = []
    for clip in exact.split(1):
        y = plain_fft(bank, clip, factor=4)
        y = y if task == "waveforms" else means(y)
        outputs.append(y.detach())
        y.backward(above(task, y.detach()))
    wanted = torch.cat(outputs)
    gradient = taken(bank)
    x, pull = exact.float(), above(task, wanted).float()

    contenders = ways(task)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    found: dict[str, Any] = {}
    for name, run in contenders.items():  # warms up: compilation, plans of the FFT
        y = run(bank, x)
        y.backward(pull)
        error = (y.detach().double() - wanted).square().mean((0, 2)) / wanted.square().mean((0, 2))
        found[name] = {
            "deviation": error.sqrt().tolist(),
            "gradient": float((taken(bank) - gradient).norm() / gradient.norm()),
        }
        del y
    for _ in range(0 if options.accuracy else options.rounds):
        for name, run in contenders.items():
            began = time.perf_counter()
            run(bank, x).backward(pull)
            seconds[name].append(time.perf_counter() - began)
            bank.zero_grad()
    for name, times in seconds.items():
        found[name]["seconds"] = times
    return found


def above(task: str, y: Tensor) -> Tensor:
    """The gradient from above: of the outputs' power, or of the features' logarithm."""
    return y if task == "waveforms" else 1 / (y + 1e-3 * y.mean())


def taken(bank: FilterBank) -> Tensor:
    """Take all of the bank's gradients away as one vector."""
    gradients = [p.grad for p in bank.parameters() if p.grad is not None]
    vector = torch.cat([g.flatten() for g in gradients])
    bank.zero_grad()
    return vector


def table(task: str, found: dict[str, Any]) -> str:
    lines = [
        f"| {task} | ms | {PLAIN} over it | deviation, median and worst channel | gradients |",
        "|---|---|---|---|---|",
    ]
    for name, figures in found.items():
        deviation = figures["deviation"]
        columns = [name, "", ""]
        if figures["seconds"]:
            ratios = [
                plain / own
                for plain, own in zip(found[PLAIN]["seconds"], figures["seconds"], strict=True)
            ]
            columns[1] = spread_of([1000 * s for s in figures["seconds"]])
            columns[2] = spread_of(ratios)
        columns.append(f"{statistics.median(deviation):.1e}, {max(deviation):.1e}")
        columns.append(f"{figures['gradient']:.1e}")
        lines.append("| " + " | ".join(columns) + " |")
    return "\n".join(lines)


def spread_of(values: list[float]) -> str:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.3g} ({low:.3g} … {high:.3g})"


def response_errors() -> list[dict[str, float]]:
    """|recursion - H(jω)| for f0 from 50 Hz to 7.5 kHz, peak gain 1, up to BAND and beyond it."""
    f = np.concatenate([np.geomspace(10, 100, 40), np.linspace(100, RATE / 2, 1600)])
    inside = f <= BAND * RATE / 2
    w = 2 * math.pi * f / RATE
    taps = np.arange(TAPS) - TAPS // 2 + 1
    shapes = prefilter_taps() @ np.exp(-1j * np.outer(taps, w))
    f0 = np.geomspace(50, 7500, 60)
    low = f0 <= 4000
    w0 = torch.from_numpy(2 * math.pi * f0)
    rows = []
    for q in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0):
        transfer = Transfer(w0 / q, w0 / q, w0 * w0)
        weights, a = np.split(discretize(transfer, RATE).rows.numpy(), [-2])
        poles = 1 + a[0][:, None] * np.exp(-1j * w) + a[1][:, None] * np.exp(-2j * w)
        error = np.abs(weights.T @ shapes / poles - transfer.at(torch.from_numpy(f)).numpy())
        rows.append(
            {
                "q": q,
                "largest": float(error[:, inside].max()),
                "rms": float(np.sqrt(np.mean(error[:, inside] ** 2, 1)).max()),
                "largest_below_4_kHz": float(error[low][:, f <= 4000].max()),
                "largest_beyond": float(error[:, ~inside].max()),
            }
        )
    return rows


def response_table(rows: list[dict[str, float]]) -> str:
    lines = [
        "| Q | largest, to 7.5 kHz | rms of the worst channel | largest, f and f0 to 4 kHz "
        "| largest, 7.5 to 8 kHz |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        errors = " | ".join(f"{100 * v:.2g} %" for k, v in row.items() if k != "q")
        lines.append(f"| {row['q']:g} | {errors} |")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
