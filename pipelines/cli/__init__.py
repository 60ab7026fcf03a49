"""The command `agent-cancellation`: one module for each subcommand, and views for tables and text."""

from pipelines.cli.main import main

__all__ = ["main"]
