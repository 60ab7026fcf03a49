"""Settings of GitHub: the connection, the labels of a pull request, and the comment on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from steps.settings.types import (
    PORTS,
    STRICT,
    Address,
    Count,
    DataKey,
    HostName,
    OptionalLabel,
    OptionalTaskLabel,
    ProxyAddress,
    Seconds,
    fill_task,
)
from steps.settings.validation import pattern_validator

_PUBLIC = "github.com"
_FURTHER_HOSTS = (f"ssh.{_PUBLIC}", f"www.{_PUBLIC}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings:
    """Requests to GitHub (docs/github-enterprise.md). Specified: five attempts, from 100 ms."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    api_url: Annotated[
        Address,
        Field(
            min_length=1,
            description="address of the REST API; for GitHub Enterprise such as https://github.example.com/api/v3",
        ),
    ]
    hosts: Annotated[
        tuple[HostName, ...],
        Field(
            description="further hosts that count as GitHub in the address of a run's repository, such as that of a "
            "proxy for git; GitHub's own host always counts, and a run on any other host is kept"
        ),
    ]
    ca_config_map: Annotated[
        str,
        pattern_validator(
            r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?",
            give="the name of a ConfigMap: lower-case letters, digits, dashes and dots, or nothing",
        ),
        Field(
            description="ConfigMap in the workflows' namespace with the CA certificates for GitHub; empty: the public "
            "ones",
        ),
    ]
    ca_key: Annotated[DataKey, Field(description="key of the PEM bundle in the ConfigMap")]
    ca_dir: Annotated[str, Field(min_length=1, description="where the ConfigMap is mounted")]
    proxy: Annotated[
        ProxyAddress,
        Field(
            description="HTTP proxy for requests to GitHub only, such as http://proxy.example.com:3128; empty: no "
            "proxy. The steps ignore proxy variables of the pod"
        ),
    ]
    credentials_dir: Annotated[
        str,
        Field(
            min_length=1,
            description="where the Secret is mounted: `token`, or `app-id`, `installation-id` and `private-key.pem`",
        ),
    ]
    timeout_s: Annotated[Seconds, Field(description="longest time for one request")]
    attempts: Annotated[Count, Field(description="attempts of each operation")]
    backoff_s: Annotated[Seconds, Field(description="first pause between attempts; doubles, with jitter")]
    deadline_s: Annotated[
        Seconds,
        Field(description="longest time for one operation, including waits for rate limits; then exit 75, retried"),
    ]
    unreadable: Annotated[
        Literal["wait", "cancel"],
        Field(
            description="if the pull request cannot be read: `wait` retries, because it may have a skip label; "
            "`cancel` stops the agents and leaves the labels"
        ),
    ]

    @property
    def host(self) -> str:
        """The host of `api_url`, with its port if the address has one."""
        return urlsplit(self.api_url).netloc

    @property
    def site(self) -> str:
        """The host of GitHub's web pages, with its port if the address has one."""
        return self.host if urlsplit(self.api_url).path.strip("/") else self.host.removeprefix("api.")

    @property
    def hosts_of_git(self) -> frozenset[str]:
        """All hosts in the addresses of GitHub's repositories, in lower case and without ports."""
        own = {urlsplit(f"//{each}").hostname or "" for each in (self.host, self.site)}
        further = _FURTHER_HOSTS if _PUBLIC in own else ()
        return frozenset(each.casefold() for each in (*own, *further, *self.hosts))

    @property
    def port(self) -> int:
        """The port that pods connect to: the proxy's if there is one, else GitHub's."""
        parts = urlsplit(self.proxy or self.api_url)
        return parts.port or PORTS[parts.scheme]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSettings:
    """The labels of a pull request."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    add: Annotated[
        OptionalLabel, Field(description="added after the stale agents are proven gone; empty: none is added")
    ]
    remove: Annotated[OptionalLabel, Field(description="removed after `add` was added; empty: none is removed")]
    skip: Annotated[
        OptionalLabel,
        Field(
            description="set by a person: labels are not moved, and agents are not stopped if it is set in time; "
            "empty: no such label"
        ),
    ]
    task: Annotated[
        OptionalTaskLabel,
        Field(
            description="label of a task's pull request; selects one if several share a branch; empty: no such label"
        ),
    ]

    def __post_init__(self) -> None:
        labels = [label.casefold() for label in (self.add, self.remove, self.skip) if label]
        if len(set(labels)) != len(labels):
            raise ValueError("add, remove and skip must be different labels")

    def of_task(self, task: str) -> str:
        """Return the label of a task's pull request; empty if tasks have none."""
        return fill_task(self.task, task=task)

    @property
    def moves(self) -> bool:
        """Whether a label is added or removed."""
        return bool(self.add or self.remove)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentSettings:
    """The comment on the pull request: stopped runs, kept runs, labels, the push. One for each task."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    enabled: Annotated[bool, Field(description="write the comment and update it")]
    argo_url: Annotated[
        str,
        pattern_validator(
            r"(https?://[^\s()<>\[\]]+)?", give="an address such as https://argo.example.com, or nothing"
        ),
        Field(
            description="address of Argo's UI for a link to the Workflow, such as https://argo.example.com; empty: no "
            "link",
        ),
    ]
    deadline_s: Annotated[
        Seconds, Field(description="longest time to write the comment; then the cancellation ends without it")
    ]
