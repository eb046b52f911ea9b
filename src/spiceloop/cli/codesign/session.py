"""One go at a run, new or resumed: the training with its display, the report, the result."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from spiceloop.bridge.codesign import Events, run_codesign
from spiceloop.cli.boundary import INTERRUPTED
from spiceloop.cli.codesign.display import Display
from spiceloop.cli.codesign.outcome import document, print_outcome
from spiceloop.cli.codesign.tensorboard import Tensorboard
from spiceloop.cli.console import note, print_json
from spiceloop.errors import StudyError
from spiceloop.kws.clips import SpeechData
from spiceloop.kws.config import Config
from spiceloop.kws.run_folder import RunFolder
from spiceloop.report.codesign import RunView, write_codesign_report

__all__ = ["Session"]


@dataclass(frozen=True)
class Session:
    """What is to be trained, on what, where; ``source`` is where the data lie."""

    config: Config
    data: SpeechData
    out: Path
    source: str
    device: str
    tensorboard: bool = False

    @staticmethod
    def require_new(out: Path) -> None:
        """Raise `StudyError` where a run is in this folder already: before any data are read."""
        if RunFolder(out).exists():
            raise StudyError(
                f"{out} already holds a co-design run; go on with it by "
                f"`{_resume_command(out)}`, or name another folder by --out"
            )

    def go(self, *, resume: bool, report: bool, json: bool) -> int:
        """Train to the end or to Ctrl-C, tell the result, and return the exit code."""
        folder = RunFolder(self.out)
        interrupted = False
        try:
            with ExitStack() as stack:
                before = len(folder.records()) if resume else 0
                display: Events = stack.enter_context(Display(self.config, self.data, before))
                if self.tensorboard:
                    display = stack.enter_context(Tensorboard(self.out / "tensorboard", display))
                run_codesign(
                    self.config,
                    self.data,
                    self.out,
                    source=self.source,
                    device=self.device,
                    events=display,
                    resume=resume,
                )
        except KeyboardInterrupt:
            if not folder.exists():
                raise
            interrupted = True
        page = None
        if report and not interrupted:
            note("writing the report …")
            page = write_codesign_report(folder)
        view = RunView.read(folder)
        again = _resume_command(self.out) if interrupted else None
        if json:
            print_json(document(view, page, again))
        elif not interrupted:
            print_outcome(view, page)
        if interrupted:
            note(
                f"spiceloop: interrupted; {len(view.records)} of {view.epochs_wanted} epochs are "
                f"kept. Go on with:\n  {again}"
            )
            return INTERRUPTED
        return 0


def _resume_command(out: Path) -> str:
    return shlex.join(["spiceloop", "codesign", "resume", str(out)])
