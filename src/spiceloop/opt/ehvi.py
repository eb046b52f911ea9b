"""The main method: expected hypervolume improvement under constraints and failures."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import qmc
from torch import Tensor

from spiceloop.opt.acquisition import LogEhvi, optimize
from spiceloop.opt.base import Floats, History, Task
from spiceloop.opt.feasibility import FailureModel
from spiceloop.opt.model import fit_surrogate
from spiceloop.opt.pareto import losses as task_losses
from spiceloop.opt.pareto import reference_point
from spiceloop.opt.pick import Taken, fill
from spiceloop.opt.sobol import Sobol
from spiceloop.opt.threads import one_thread

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    reference: str = "start"  # start | decade | relax | alternate | nadir
    relax: float = 0.0
    rbf: bool = False
    noise: bool = False
    clip: float = 3.0
    raw: int = 2048
    restarts: int = 16
    max_steps: int = 100
    standard: str = "std"


@dataclass(frozen=True)
class Ehvi:
    s: Settings = Settings()

    @property
    def name(self) -> str:
        return "ehvi"

    def ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        with one_thread():
            return self._ask(task, history, n, seed)

    def _ask(self, task: Task, history: History, n: int, seed: int) -> Floats:
        n_done = int((~history.failed).sum())
        if history.n_asked < task.n_initial or n_done < 2:
            return Sobol().ask(task, history, n, seed)
        rng = np.random.default_rng([seed, history.n_asked, len(history.pending)])
        args = (task, history.metrics, history.metric_names)
        L = task_losses(*args)
        ok = np.isfinite(L).all(axis=1)
        x = torch.as_tensor(history.x[ok])
        y = L[ok]
        ref = self.reference(task, history, L)
        s = self.s
        # tame
        med = np.median(y, axis=0)
        q1, q3 = np.percentile(y, [25, 75], axis=0)
        iqr = np.maximum(q3 - q1, 1e-9)
        cap = np.maximum(med, ref) + s.clip * iqr
        y = np.minimum(y, cap)
        mu, sd = y.mean(0), np.maximum(y.std(0), 1e-9)
        ys = torch.as_tensor((y - mu) / sd)
        rs = torch.as_tensor((ref - mu) / sd)
        model = fit_surrogate(x, ys, rbf=s.rbf, noise=s.noise)
        failure = (
            FailureModel(torch.as_tensor(history.x), torch.as_tensor(history.failed))
            if history.failed.any()
            else None
        )
        pend = history.pending
        taken = Taken(task.space, history.x, history.pending)
        out = []
        for _ in range(n):
            m = model.believing(torch.as_tensor(pend)) if len(pend) else model
            ehvi = LogEhvi(m.y, rs)
            self_boxes = ehvi.n_boxes

            def acq(p: Tensor) -> Tensor:
                v = ehvi(*m.predict(p))
                if failure is not None:
                    v = v + failure.log_probability(p)
                return v

            raw = self.raw_points(x.numpy(), m.y.numpy()[: len(x)], rs.numpy(), rng)
            pts, vals = optimize(acq, raw, restarts=s.restarts, max_steps=s.max_steps)
            p = fill(taken, pts, rng)
            out.append(p)
            pend = np.vstack([pend, p])
        self.__dict__.setdefault if False else None
        return np.array(out)

    def raw_points(self, x: Floats, y: Floats, rs: Floats, rng) -> Floats:
        d = x.shape[1]
        s = self.s
        sob = qmc.Sobol(d, rng=rng).random(s.raw)
        # local: around the designs that are best in the worst loss relative to the reference
        order = np.argsort((y - rs).max(axis=1))[:8]
        nl = s.raw // 2
        who = x[rng.choice(order, nl)]
        size = rng.choice([0.02, 0.07, 0.2], (nl, 1))
        mask = rng.random((nl, d)) < rng.choice([0.2, 0.5, 1.0], (nl, 1))
        loc = np.clip(who + mask * size * rng.standard_normal((nl, d)), 0, 1)
        return np.vstack([sob, loc])

    def reference(self, task, history, L):
        s = self.s
        st = history.start
        if st is not None and np.isfinite(L[st]).all() and s.reference != "nadir":
            base = L[st]
            fin = L[np.isfinite(L).all(1)]
            if s.reference == "start":
                return base + s.relax
            dec = reference_point(task, history.metrics, history.metric_names, st)
            if s.reference == "decade":
                return dec
            if s.reference == "frac":
                return base + s.relax * (dec - base)
            if s.reference == "alternate":
                return base if history.n_asked % 2 else base + s.relax * (dec - base)
            if s.reference == "shrink":
                t = max(0.0, 1 - (history.n_asked - task.n_initial) / 15)
                return base + s.relax * t * (dec - base)
        return reference_point(task, history.metrics, history.metric_names, None)
