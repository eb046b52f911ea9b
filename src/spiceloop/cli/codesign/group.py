"""A group with a command that needs no name: ``codesign X`` is short for ``codesign run X``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

__all__ = ["DefaultCommandGroup"]


class DefaultCommandGroup(TyperGroup):
    """Takes the command ``run`` where the first word is neither a command nor a call for help."""

    default = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command's name in front where a command's name is missing."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed
