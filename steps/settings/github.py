"""Settings of what is asked of GitHub: the way there, the labels of a pull request, and the comment on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from steps.settings.types import PORTS, STRICT, Address, Count, DataKey, Label, ProxyAddress, Seconds
from steps.settings.validation import pattern_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings:
    """How GitHub is asked: five attempts, from 100 ms, as specified."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    api_url: Annotated[Address, Field(min_length=1, description="REST address, also of GitHub Enterprise")]
    ca_config_map: Annotated[
        str,
        pattern_validator(
            r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?",
            give="the name of a ConfigMap: lower-case letters, digits, dashes and dots, or nothing",
        ),
        Field(
            description="ConfigMap, in the workflows' namespace, with the certificates that count for GitHub; empty: "
            "the public ones",
        ),
    ]
    ca_key: Annotated[DataKey, Field(description="key of the bundle in it, in PEM")]
    ca_dir: Annotated[str, Field(min_length=1, description="where it is mounted")]
    proxy: Annotated[
        ProxyAddress,
        Field(description="HTTP proxy on the way to GitHub, and to nothing else; empty: none, whatever a pod inherits"),
    ]
    credentials_dir: Annotated[
        str,
        Field(
            min_length=1, description="mount of the Secret: `token`, or `app-id`, `installation-id`, `private-key.pem`"
        ),
    ]
    handover: Annotated[
        str,
        Field(
            description="file on the pod's memory-backed volume in which its first container leaves an App's token for "
            "the second; empty: each signs in"
        ),
    ]
    timeout_s: Annotated[Seconds, Field(description="one request")]
    attempts: Annotated[Count, Field(description="attempts of each operation")]
    backoff_s: Annotated[Seconds, Field(description="first pause between attempts; doubles, with jitter")]
    deadline_s: Annotated[
        Seconds, Field(description="longest wait for one operation, rate limits included; then exit 75")
    ]
    unreadable: Annotated[
        Literal["wait", "cancel"],
        Field(
            description="when the pull request cannot be read: `wait` and retry, as there may be a skip label, "
            "or `cancel` the agents anyway and leave the labels"
        ),
    ]

    @property
    def host(self) -> str:
        """Whom requests are for, with the port if it is an unusual one."""
        return urlsplit(self.api_url).netloc

    @property
    def port(self) -> int:
        """Where pods connect to: the proxy's, or GitHub's own."""
        parts = urlsplit(self.proxy or self.api_url)
        return parts.port or PORTS[parts.scheme]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSettings:
    """Labels of a pull request."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    add: Annotated[Label, Field(description="added once the stale agents are proven gone")]
    remove: Annotated[Label, Field(description="removed after that")]
    skip: Annotated[Label, Field(description="a person's stop sign: nothing is cancelled, nothing is moved")]
    task: Annotated[str, Field(description="label of a task's pull request; decides when two share a branch")]

    def __post_init__(self) -> None:
        if len({label.casefold() for label in (self.add, self.remove, self.skip)}) != 3:  # noqa: PLR2004 - three labels
            raise ValueError("add, remove and skip must be three different labels")
        if "{task}" not in self.task:
            raise ValueError("task must contain {task}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentSettings:
    """The comment on the pull request that says what was done."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    enabled: Annotated[bool, Field(description="write one, and keep it up to date")]
    argo_url: Annotated[
        str,
        pattern_validator(
            r"(https?://[^\s()<>\[\]]+)?", give="an address such as https://argo.example.com, or nothing"
        ),
        Field(
            description="address of Argo's UI, for a link to the Workflow; empty: no link",
        ),
    ]
    deadline_s: Annotated[
        Seconds, Field(description="longest wait for GitHub to take it, before the record is finished without")
    ]
