"""Command groups that suggest the nearest name for an unknown command."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from intertwine.tasks import unknown


class SuggestingGroup(TyperGroup):
    """A command group whose error for an unknown command names the nearest one."""

    kind = "command"

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of that name, or an error with the nearest name."""
        if (
            args
            and not args[0].startswith("-")
            and not ctx.resilient_parsing
            and self.get_command(ctx, args[0]) is None
        ):
            raise unknown(self.kind, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands, groups first."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: not isinstance(self.get_command(ctx, name), TyperGroup))
