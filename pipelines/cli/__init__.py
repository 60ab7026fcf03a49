"""The command `agent-cancellation`: one module a subcommand, its parser, and its output."""
