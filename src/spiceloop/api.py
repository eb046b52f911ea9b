"""The Python interface: load a problem, size it, look at the result.

::

    import spiceloop

    problem = spiceloop.load_problem("problem.yaml")
    result = spiceloop.size(problem, budget=35, seed=0, out="runs/first")
    print(result.pareto)
    result.report()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spiceloop.errors import DesignError, SimulationError, StorageError, StudyError
from spiceloop.opt.base import Budget
from spiceloop.sim import make_simulator
from spiceloop.spec.bench import Bench
from spiceloop.spec.evaluate import Evaluation, Evaluator
from spiceloop.spec.load import load_problem
from spiceloop.spec.problem import Problem
from spiceloop.study.budget import BudgetLike, initial_trials, parse_budget
from spiceloop.study.choose import Choice, choose, pareto_trials
from spiceloop.study.command import size_command
from spiceloop.study.crew import Crew, LocalCrew
from spiceloop.study.earlier import read_earlier
from spiceloop.study.events import Learned, OnEvent
from spiceloop.study.export import sized_netlists, trials_frame, write_netlists
from spiceloop.study.loop import Ending, run_study
from spiceloop.study.place import named_study, study_url
from spiceloop.study.storage import default_url, file_of, safe_url
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Trial
from spiceloop.study.versions import versions
from spiceloop.units import parse_spice

if TYPE_CHECKING:
    from pandas import DataFrame

    from spiceloop.opt.base import Optimizer
    from spiceloop.opt.convergence import Convergence
    from spiceloop.report.view import Simulate, StudyView

__all__ = ["Result", "load_problem", "open_study", "resume", "simulate", "size", "study_url"]


@dataclass(frozen=True)
class Result:
    """A study with its problem, as tables and files. ``out`` is the folder for reports.

    ``ending`` says why the run ended, None for a study that was only opened.
    """

    study: Study
    out: Path
    ending: Ending | None = None

    @property
    def problem(self) -> Problem:
        """The problem that was sized."""
        return self.study.bench.problem

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial in order of number."""
        return self.study.trials

    @property
    def frame(self) -> DataFrame:
        """All trials, see `spiceloop.study.export.trials_frame`."""
        return trials_frame(self.problem, self.trials)

    @property
    def pareto(self) -> DataFrame:
        """The feasible trials that no other one dominates."""
        return trials_frame(self.problem, pareto_trials(self.problem, self.trials))

    @property
    def choice(self) -> Choice | None:
        """The trial that `spiceloop.study.choose` picks, with the rule; None if none finished."""
        return choose(self.problem, self.trials)

    @property
    def chosen(self) -> Trial | None:
        """The trial that `spiceloop.study.choose` picks; None if none finished."""
        return self.choice.trial if self.choice else None

    @property
    def convergence(self) -> Convergence | None:
        """Whether the front has stopped growing, with the evidence; None for a short study."""
        from spiceloop.opt.convergence import convergence

        task = self.problem.task(self.study.settings.initial)
        return convergence(task, self.study.history(), self.study.n_earlier)

    def report(self, out: str | Path | None = None, *, trial: int | None = None) -> Path:
        """Write the report into ``out`` and return its HTML file; ``trial`` is shown as chosen.

        Raises `StudyError` for a trial that has no metrics, `StorageError` on a full disk.
        """
        from spiceloop.report import write_report

        with Evaluator(
            self.problem, self.study.settings.simulator, bench=self.study.bench
        ) as evaluator:
            view = self._view(trial, evaluator.simulate)
            return write_report(view, _folder(Path(out) if out is not None else self.out))

    def explain(self, *, trial: int | None = None) -> dict[str, Any]:
        """What the model says of the study, as plain values: see ``docs/explanations.md``.

        Raises `StudyError` for a ``trial`` that has no metrics.
        """
        from spiceloop.report.explain.document import document

        return document(self._view(trial).explained)

    def write_netlists(self, out: str | Path, *, trial: int | None = None) -> list[Path]:
        """Write the sized netlists of a trial, default the chosen one, and return their paths.

        Raises `StudyError` where no trial has metrics.
        """
        picked = choose(self.problem, self.trials, trial)
        if picked is None:
            raise StudyError(f"study {self.study.name!r} has no simulated trial to export")
        return write_netlists(self.study.bench, picked.trial, Path(out), self._notes())

    def _notes(self) -> dict[str, str]:
        settings = self.study.settings
        notes = {
            "study": f"{self.study.name}, seed {settings.seed}, optimizer {settings.optimizer}",
            "versions": ", ".join(f"{k} {v}" for k, v in settings.versions.items()),
        }
        if self.study.changes:
            # The deck below is of now, the metrics above are not.
            notes["CHANGED since these metrics were simulated"] = "; ".join(self.study.changes)
        return notes

    def _view(self, trial: int | None, simulate: Simulate | None = None) -> StudyView:
        from spiceloop.report.view import StudyView

        settings = self.study.settings
        picked = choose(self.problem, self.trials, trial)
        return StudyView(
            problem=self.problem,
            trials=self.trials,
            task=self.problem.task(settings.initial),
            name=self.study.name,
            url=safe_url(self.study.url),
            seed=settings.seed,
            optimizer=settings.optimizer,
            versions=settings.versions,
            chosen=picked.trial if picked else None,
            chosen_rule=picked.rule if picked else "",
            netlists=sized_netlists(self.study.bench, picked.trial, self._notes())
            if picked
            else {},
            simulate=simulate,
            command=size_command(self.study),
            changes=self.study.changes,
            problem_file=settings.problem_file,
            learned_from=settings.learned_from,
            workers=settings.workers,
        )


def size(
    problem: Problem | str | Path,
    *,
    budget: BudgetLike = 35,
    initial: int | None = None,
    batch: int = 1,
    workers: int | None = None,
    seed: int = 0,
    optimizer: str = "auto",
    simulator: str = "ngspice-lib",
    scheduler: str = "",
    out: str | Path | None = None,
    study: str | None = None,
    name: str = "",
    learn_from: str | Path | None = None,
    on_event: OnEvent = lambda event: None,
    stop_when_converged: bool = False,
    trust_deck: bool = False,
    trust_python: bool = False,
) -> Result:
    """Size a problem, given or read from its file, in a new study, and return the result.

    ``budget`` is how many designs are simulated besides the problem's start, a time such as
    ``"60s"``, or both, ``(200, "60s")``: whichever comes first. The first ``initial`` of them, 10
    by default, come before the model guides: quasi-random ones, and where there is no start the
    centre of the ranges first. ``stop_when_converged`` may end the run earlier, see
    `spiceloop.opt.convergence`. ``workers`` of them run side by side: one by default, or with
    ``scheduler``, the address of a Dask cluster, as many as it has threads. ``out`` is the folder
    of study and report, default ``runs/NAME``; ``study`` a storage URL in place of the file
    ``out/study.db``, and ``name`` its name there, default the problem's. ``learn_from`` is an
    earlier study of the same circuit, by folder, file or URL (``URL#NAME`` where it holds several):
    its trials come first, outside the budget, in place of so many initial ones; goals, bounds
    and ranges may differ, see `spiceloop.study.earlier`. With one worker the same
    ``seed`` gives the same designs; with a budget of time they depend on measured times too. Ctrl-C
    returns what there is, with ``ending`` interrupted; `resume` goes on. What ``trust_deck`` and
    ``trust_python`` allow is told in ``docs/safety.md``.

    Raises `ProblemError`, `DeckError`, `StudyError` for a study that exists, `SetupError`,
    `ClusterError`, `StorageError`.
    """
    from spiceloop.opt import make_optimizer

    limits = parse_budget(budget)
    loaded = _loaded(problem, trust_python)
    bench = Bench.load(loaded, trust=trust_deck)
    method = make_optimizer(optimizer)  # after the files: loading torch takes seconds
    if scheduler:
        from spiceloop.study.scheduler import connect

        connect(scheduler).close()  # a mistyped address must not leave a study behind
    now = _versions(loaded, simulator)
    earlier = None if learn_from is None else read_earlier(*named_study(learn_from), bench, now)
    folder = _folder(Path(out) if out is not None else Path("runs") / loaded.name)
    settings = Settings(
        seed=seed,
        optimizer=optimizer,
        trials=limits.trials,
        seconds=limits.seconds,
        stop_when_converged=stop_when_converged,
        initial=initial_trials(limits) if initial is None else initial,
        batch=batch,
        workers=workers or 1,
        simulator=simulator,
        problem_file=str(loaded.file.absolute()) if loaded.file else "",
        learned_from=earlier.where if earlier else "",
        versions=now,
    )
    kept = Study.create(
        bench,
        study or default_url(folder),
        settings,
        name=name,
        earlier=earlier.trials if earlier else (),
    )
    if earlier:
        on_event(Learned(earlier))
    return _continue(kept, method, folder, limits, workers, scheduler, on_event)


def resume(
    where: str | Path,
    *,
    problem: Problem | str | Path | None = None,
    name: str = "",
    budget: BudgetLike | None = None,
    workers: int | None = None,
    scheduler: str = "",
    out: str | Path | None = None,
    on_event: OnEvent = lambda event: None,
    trust_deck: bool = False,
    trust_python: bool = False,
) -> Result:
    """Go on with a study that was interrupted, killed, or shall get a larger ``budget``.

    What earlier runs used counts: trials, and seconds of running, not those in between.
    ``where`` is its folder, its file, or its URL; ``name`` is needed where several studies share a
    storage; ``problem`` only where the problem file has moved. Seed, optimizer and batch are the
    study's own; ``workers`` too, but with a ``scheduler`` it is every thread of the cluster. Raises
    `StudyError` for a study of another problem, saying what differs.
    """
    from spiceloop.opt import make_optimizer

    opened = open_study(
        where,
        problem=problem,
        name=name,
        out=out,
        trust_deck=trust_deck,
        trust_python=trust_python,
    )
    opened.study.require_unchanged()  # before loading torch, which takes seconds
    settings = opened.study.settings
    return _continue(
        opened.study,
        make_optimizer(settings.optimizer),
        opened.out,
        settings.budget if budget is None else parse_budget(budget),
        settings.workers if workers is None and not scheduler else workers,
        scheduler,
        on_event,
    )


def open_study(
    where: str | Path,
    *,
    problem: Problem | str | Path | None = None,
    name: str = "",
    out: str | Path | None = None,
    trust_deck: bool = False,
    trust_python: bool = False,
) -> Result:
    """Open a study for looking at it; arguments as for `resume`.

    Where decks or functions have changed since, the recorded trials stay as they were and
    ``result.study.changes`` says what differs. Raises `StudyError` where there is no such study,
    and where its parameters or metrics are no longer the problem's.

    ``trust_deck`` and ``trust_python`` have to be said again: a study file may come from somebody
    else, and must not be able to vouch for the decks and functions that it names.
    """
    url = study_url(where)
    recorded = Study.open(url, name).settings
    source = problem if problem is not None else recorded.problem_file
    if isinstance(source, Problem):
        loaded = source
    elif source and Path(source).is_file():
        loaded = load_problem(source, trust_python=trust_python)
    else:
        raise StudyError(
            f"the problem file {str(source) or '(unknown)'} of the study at {url} is not there; "
            "say where it is now with --problem FILE (in Python problem=FILE)"
        )
    study = Study.open(url, name, bench=Bench.load(loaded, trust=trust_deck))
    file = file_of(url)
    folder = Path(out) if out is not None else file.parent if file else Path("runs") / study.name
    return Result(study, folder)


def simulate(
    problem: Problem | str | Path,
    *,
    waves: bool = False,
    simulator: str = "ngspice-lib",
    trust_deck: bool = False,
    trust_python: bool = False,
    design: Mapping[str, float | str] | None = None,
    **values: float | str,
) -> Evaluation:
    """Evaluate one design: the start, changed by ``design`` and keywords such as ``w1="4u"``.

    ``waves=True`` keeps every waveform. Raises `DesignError` for a design outside its bounds, off
    its grid or outside the model bins, `SimulationError` where the simulation fails.
    """
    loaded = _loaded(problem, trust_python)
    given = {n: parse_spice(v) for n, v in {**(design or {}), **values}.items()}
    full = {**(loaded.start or {}), **given}
    loaded.space.check(full)
    with Evaluator(loaded, simulator, trust=trust_deck) as evaluator:
        try:
            return evaluator.evaluate(full, waves=waves)
        except SimulationError as error:
            if isinstance(error.__cause__, DesignError):
                raise error.__cause__ from None
            raise


def _loaded(problem: Problem | str | Path, trust_python: bool) -> Problem:
    if isinstance(problem, Problem):
        return problem
    return load_problem(problem, trust_python=trust_python)


def _continue(
    study: Study,
    optimizer: Optimizer,
    folder: Path,
    budget: Budget,
    workers: int | None,
    scheduler: str,
    on_event: OnEvent,
) -> Result:
    def on_cluster(study: Study) -> Crew:
        from spiceloop.study.cluster import DaskCrew

        return DaskCrew(study, scheduler, on_event)

    settings = study.settings
    ending = run_study(
        study,
        optimizer,
        budget=budget,
        initial=settings.initial,
        seed=settings.seed,
        batch=settings.batch,
        workers=workers,
        simulator=settings.simulator,
        crew=on_cluster if scheduler else LocalCrew,
        on_event=on_event,
        stop_when_converged=settings.stop_when_converged,
    )
    return Result(study, folder, ending)


def _versions(problem: Problem, simulator: str) -> dict[str, str]:
    engine = make_simulator(simulator)
    try:
        return versions(problem, engine)
    finally:
        engine.close()


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {path}: {error.strerror}; choose another with --out"
        ) from error
    return path
