"""``spiceloop doctor``: what is installed, what is missing or doubtful, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby

from spiceloop.cli.arguments import JsonOption
from spiceloop.cli.console import print_json, print_text
from spiceloop.cli.doctor.finding import Finding
from spiceloop.errors import SetupError

__all__ = ["Finding", "doctor", "examine"]


def doctor(json: JsonOption = False) -> int:
    """Look at what spiceloop needs or can use, run tiny simulations, say what to do about gaps."""
    findings = examine()
    missing = [f for f in findings if f.required and not f.ok]
    warnings = [f for f in findings if f.state == "warning"]
    if json:
        print_json(
            {
                "ok": not missing,
                "findings": [{**asdict(f), "state": f.state} for f in findings],
            }
        )
        return SetupError.exit_code if missing else 0
    width = max(len(f.name) for f in findings)
    for group, members in groupby(findings, key=lambda f: f.group):
        print_text(f"\n{group}")
        for finding in members:
            mark = "MISSING" if finding.state == "missing" else finding.state
            print_text(f"  {mark:<7}  {finding.name:<{width}}  {finding.detail}")
            if finding.remedy and finding.state != "ok":
                print_text(f"  {'':<7}  {'':<{width}}  → {finding.remedy}")
    if missing:
        print_text(f"\nNot ready: {', '.join(f.name for f in missing)} missing.")
        return SetupError.exit_code
    count = len(warnings)
    doubts = f" {count} warning{'s' * (count > 1)} above." if warnings else ""
    print_text(f"\nReady.{doubts}")
    return 0


def examine() -> list[Finding]:
    """Look at everything that spiceloop needs or can use."""
    from spiceloop.cli.doctor import machine, packages, process_models, simulators

    return [
        *machine.findings(),
        *simulators.findings(),
        *process_models.findings(),
        *packages.findings(),
    ]
