"""``spiceloop codesign resume``: go on with a run that was interrupted or killed."""

from __future__ import annotations

from spiceloop.cli.arguments import JsonOption, NoReportOption, TrustPythonOption
from spiceloop.cli.codesign.arguments import (
    DataOption,
    DeviceOption,
    RunArgument,
    TensorboardOption,
    ThreadsOption,
    data_of_run,
    use_device,
)

__all__ = ["resume"]


def resume(
    run: RunArgument,
    data: DataOption = None,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    tensorboard: TensorboardOption = False,
    no_report: NoReportOption = False,
    trust_python: TrustPythonOption = False,
    json: JsonOption = False,
) -> int:
    """Go on after the last finished epoch; the numbers are those of an uninterrupted run."""
    from spiceloop.kws.config import parse_config
    from spiceloop.kws.run_folder import RunFolder

    folder = RunFolder.open(run, trust_python=trust_python)
    head = folder.head()
    config = parse_config(head["config"])
    use_device(device, threads)

    from spiceloop.cli.codesign.session import Session

    speech = data_of_run(folder, config, data)
    session = Session(config, speech, run, head["data"]["source"], device, tensorboard=tensorboard)
    return session.go(resume=True, report=not no_report, json=json)
