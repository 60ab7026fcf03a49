"""A GitHub Enterprise behind TLS, and how a step asks it.

Certificates, handshakes, tunnels and refusals are real; GitHub is the double.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from steps.github.client import GitHub
from steps.runtime.github_connections import GitHubConnections
from steps.settings.github import GitHubSettings
from steps.telemetry.measurements import Measurements
from tests.doubles import github as github_double
from tests.integration.control_plane.pki import Authority
from tests.support.harness import DEFAULTS, NEW, REPOSITORY, TOKEN, Scene
from tests.support.keys import PUBLIC

PASSWORD = "p@ss/word"
CA = "corporate-ca"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A GitHub Enterprise: what it holds, where it is, and how the settings of its pods name it.

    Attributes:
        host: Its address and port.
        rules: As the settings name it, with its CA and its Secret mounted, and no proxy.
        authority: Whose certificate it shows.
    """

    github: github_double.GitHub
    host: str
    rules: GitHubSettings
    authority: Authority


def a_github() -> github_double.GitHub:
    github = github_double.GitHub()
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress"])
    github.add_pull_request(head="task-7-work", sha=NEW, labels=["ready-for-qa"])
    github.add_token(TOKEN)
    github.add_app(app_id=42, installation_id=7, public_key=PUBLIC)
    return github


def rules_for(url: str, folder: Path) -> GitHubSettings:
    mounted = replace(DEFAULTS.github, ca_config_map=CA, ca_dir=str(folder), credentials_dir=str(folder / "secret"))
    return replace(mounted, api_url=url, attempts=2)


def from_a_pod(scene: Scene, rules: GitHubSettings) -> GitHub:
    """What a step connects with."""
    connect = GitHubConnections(
        settings=rules,
        clock=scene.clock,
        breaker=scene.breakers().github,
        measured=Measurements(),
        audit=scene.audit(),
    )
    return connect(lambda: None)


def ask(github: GitHub) -> str:
    """Ask GitHub something; the head of its pull request."""
    return github.pull_request(repository=REPOSITORY, number=1).head_sha
