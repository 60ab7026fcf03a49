"""The command `agent-cancellation`: one module for each subcommand, and how its output looks."""

from pipelines.cli.main import main

__all__ = ["main"]
