"""Print a page that registers the GitHub App, with the permissions that the settings need and no others.

    agent-cancellation register [--organization NAME] [--webhook ADDRESS] [--name NAME] [--json]

Asks nobody and writes nothing. docs/github-app.md has the steps that follow.
"""

from __future__ import annotations

import argparse
import json
import re
from typing import TYPE_CHECKING

from pipelines.cli.help_text import COMMON_EXITS, NAMESPACE_VARIABLE, SETTINGS_VARIABLE
from pipelines.cli.options import PROGRAM, add_command, add_json, add_settings

if TYPE_CHECKING:
    from pipelines.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "register",
        run=run,
        summary="print a page that registers the GitHub App",
        examples=("register --organization octo-org | tee app.html", "register --json | jq .default_permissions"),
        variables=(SETTINGS_VARIABLE, NAMESPACE_VARIABLE),
        exits=COMMON_EXITS | {0: "done"},
    )
    add_settings(parser)
    parser.add_argument("--organization", type=_organization, metavar="NAME", help="owner of the App (your account)")
    parser.add_argument(
        "--webhook",
        type=_address,
        metavar="ADDRESS",
        help="https address of the EventSource, if the App sends the webhook",
    )
    parser.add_argument("--name", default=PROGRAM, metavar="NAME", help=f"name of the App ({PROGRAM})")
    add_json(parser, "print the manifest alone")


def _organization(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"invalid organization {text[:40]!a}: give its name, such as octo-org")
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s]*)?", text):
        raise argparse.ArgumentTypeError(f"invalid address {text[:40]!a}: give one that begins with https://")
    return text


def run(options: argparse.Namespace) -> int:
    """Print the page or the manifest; returns the exit code.

    Raises:
        BadInputError: The settings are bad.
    """
    from pipelines.cli.given_settings import given_settings
    from pipelines.starter import github_app_manifest, registration_page, web_address
    from steps.core import Exit

    settings = given_settings(options)
    site = web_address(settings)
    home = f"{site}/{settings.events.repositories[0].removesuffix('/*')}"
    manifest = github_app_manifest(settings, name=options.name, url=home, webhook=options.webhook or "")
    if options.json:
        print(json.dumps(manifest, indent=1))
    else:
        print(registration_page(manifest, site=site, organization=options.organization or ""), end="")
    return Exit.DONE
