"""Write a short settings file, a kustomization and the next steps into a folder.

    agent-cancellation init [FOLDER] [--repository O/R] [--sender LOGIN] [--image NAME:TAG] [OPTIONS] [--force]

Asks for what the options leave open, if there is a terminal. Reads the cluster of the kubeconfig, if there is one, for
better suggestions; it writes nothing there. Replaces no file without `--force`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.cli.help_text import CONTEXT_VARIABLE, NAMESPACE_VARIABLE, REMOTE_EXITS
from pipelines.cli.options import DIRECTORY, add_command, add_context

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pipelines.cli.options import Subparsers
    from pipelines.starter import ClusterFacts

_REPEATED = (
    ("--repository", "OWNER/NAME", "repository whose pushes count; repeat it for each"),
    ("--sender", "LOGIN", "login whose pushes make agents stale, such as my-coder[bot]; repeat it for each"),
    ("--field", "KEY=PATH", "path of a field of the runs, such as task=metadata.labels.task-id; repeat it for each"),
    ("--cancellable", "AGENT", "agent that may be cancelled; repeat it for each (all except the exempt)"),
    ("--example", "BRANCH", "branch that --branch matches; repeat it for each"),
    ("--agents-namespace", "NAMESPACE", "namespace of agent runs; repeat it for each (those that have runs)"),
    ("--exempt", "AGENT", "agent that is never cancelled; repeat it for each (the senders)"),
)
_SINGLE = (
    ("--image", "NAME:TAG", "name and tag of the steps' image"),
    ("--events-namespace", "NAMESPACE", "namespace of the EventSource and the Sensor"),
    ("--branch", "PATTERN", "pattern of a task's branch, with a group (?P<id>…) for the task id"),
    ("--kind", "KIND", "preset of the agent runs (docs/adding-an-agent-kind.md)"),
)


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "init",
        run=run,
        summary="write a short settings file and the next steps",
        examples=(
            "init deploy --repository octo-org/app",
            "init --no-cluster --force",
        ),
        variables=(NAMESPACE_VARIABLE, CONTEXT_VARIABLE, "KUBECONFIG"),
        exits=REMOTE_EXITS | {0: "done"},
    )
    folder = parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), metavar="FOLDER", help="folder to write to (this one)"
    )
    folder.complete = DIRECTORY  # type: ignore[attr-defined]
    for name, value, about in _REPEATED:
        parser.add_argument(name, action="append", default=[], metavar=value, help=about)
    for name, value, about in _SINGLE:
        parser.add_argument(name, default="", metavar=value, help=about)
    parser.add_argument(
        "--namespace",
        "--workflows-namespace",
        dest="workflows_namespace",
        default=os.environ.get(NAMESPACE_VARIABLE, ""),
        metavar="NAMESPACE",
        help="namespace of this project's Workflows",
    )
    add_context(parser)
    parser.add_argument("--no-cluster", action="store_true", help="do not read a cluster")
    parser.add_argument("--force", action="store_true", help="replace files that exist")


def run(options: argparse.Namespace) -> int:
    """Write the files; returns the exit code.

    Raises:
        BadInputError: An answer is missing or wrong, a file exists, or the folder cannot be written.
    """
    from pipelines.starter import Answers, ClusterFacts, complete, notes_on, starter_files, write_starter
    from steps.core import BadInputError, Exit

    facts = ClusterFacts() if options.no_cluster else _read_cluster(options.context, kind=options.kind)
    for note in facts.notes:
        print(f"note: {note}", file=sys.stderr)
    given = Answers(
        repositories=tuple(options.repository),
        senders=tuple(options.sender),
        image=options.image,
        workflows=options.workflows_namespace,
        agents=tuple(options.agents_namespace),
        events=options.events_namespace,
        branch=options.branch,
        examples=tuple(options.example),
        paths=tuple(_fields(options.field)),
        kind=options.kind,
        cancellable=tuple(options.cancellable),
        exempt=tuple(options.exempt),
    )
    try:
        answers = complete(given, facts=facts, ask=_ask if sys.stdin.isatty() else None)
    except (EOFError, KeyboardInterrupt) as error:
        raise BadInputError("not all questions were answered, nothing was written: give options instead") from error
    write_starter(starter_files(answers), folder=options.folder, force=options.force)
    for note in notes_on(answers, facts=facts):
        print(f"note: {note}", file=sys.stderr)
    print(f"{options.folder}: settings.toml, kustomization.yaml, README.md; next: the steps in README.md")
    return Exit.DONE


def _fields(given: list[str]) -> Iterator[tuple[str, str]]:
    """Split each KEY=PATH.

    Raises:
        BadInputError: There is no `=`.
    """
    from steps.core import BadInputError

    for each in given:
        key, sign, path = each.partition("=")
        if not sign or not key.isidentifier():
            raise BadInputError(f"--field {each[:40]!a}: give KEY=PATH, such as task=metadata.labels.task-id")
        yield key, path


def _ask(question: str, suggestion: str) -> str:
    return input(f"{question}{f' [{suggestion}]' if suggestion else ''}: ").strip() or suggestion


def _read_cluster(context: str, *, kind: str) -> ClusterFacts:
    """Read the cluster; without one, return a note. A context that was asked for has to be there.

    Raises:
        StepError: The named context leads to no cluster.
    """
    from pipelines.client import context_name, kube_client, kubeconfig_transport
    from pipelines.settings import example_settings
    from pipelines.starter import ClusterFacts, read_cluster
    from steps.core import StepError

    try:
        transport = kubeconfig_transport(context=context)
        print(f"reading the cluster of context {context or context_name()}", file=sys.stderr)
        return read_cluster(kube_client(example_settings(), transport=transport), kind=kind)
    except StepError as error:
        if context:
            raise
        return ClusterFacts(notes=(f"no cluster was read: {error}",))
