"""Settings of the steps: one frozen tree, defined here and nowhere else.

`pipelines.settings` extends it with what only the generator needs, reads it from `settings.toml` and renders the part
below into the environment of every container as `CANCELLATION_SETTINGS` (`StepSettings` for the steps of a push,
`ReconcileSettings` for reconcile); the steps read it back from there. An unknown
or malformed key is an error that names it. Credentials are never settings: they are files in `github.credentials_dir`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from steps.complaints import complaints, matching
from steps.errors import BadInputError
from steps.push import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV = "CANCELLATION_SETTINGS"

Seconds = Annotated[float, Field(gt=0, le=3600)]
Count = Annotated[int, Field(ge=1, le=100)]
# A DNS-1123 label: what a namespace may be called.
Name = Annotated[
    str,
    matching(
        r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        give="lower-case letters, digits and dashes between them, 63 at most, such as ci-agents",
    ),
]
Label = Annotated[str, Field(min_length=1, max_length=50)]
# Path of a field, as kubectl writes it: `metadata.labels.app\.kubernetes\.io/name`; an item of a list by a field of it.
_PATH = r"[A-Za-z0-9_./\\-]+(\[[A-Za-z]+=[A-Za-z0-9]*\][A-Za-z0-9_./\\-]*)*"
_A_PATH = "a path such as metadata.labels.task-id, or status.conditions[status=True].type"
FieldPath = Annotated[str, matching(_PATH, give=_A_PATH)]
OptionalFieldPath = Annotated[str, matching(f"({_PATH})?", give=f"{_A_PATH}, or nothing")]
DataKey = Annotated[str, matching(r"[-._a-zA-Z0-9]+", give="letters, digits, dashes, dots and underscores")]

_STRICT = ConfigDict(extra="forbid", strict=False)


def _address(text: str) -> str:
    """Of a server: what is rendered is read by many, so it holds no credentials.

    Raises:
        ValueError: It does, or is none.
    """
    if "@" in text:
        raise ValueError(
            "credentials do not belong here, where rendered manifests show them: take them out, and put them into "
            "the Secret that workflow.credentials_secret names (a proxy's as proxy-username and proxy-password)"
        )
    try:
        parts = urlsplit(text)
        known = parts.scheme in _PORTS and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        known = None
    if text and (not known or re.search(r"[\s?#]", text)):
        raise ValueError(
            "not an address: give one such as https://github.example.com/api/v3, http://proxy.example:3128"
        )
    return text


def _proxy(text: str) -> str:
    """Of a proxy.

    Raises:
        ValueError: It is not spoken to by plain HTTP.
    """
    if _address(text).startswith("https:"):
        raise ValueError("proxies are spoken to by http:// (what goes through it to GitHub is TLS all the same)")
    return text


_PORTS = {"http": 80, "https": 443}
Address = Annotated[str, AfterValidator(_address)]
ProxyAddress = Annotated[str, AfterValidator(_proxy)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces:
    """Where things live."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    workflows: Annotated[Name, Field(description="Workflows, Leases and their records")]
    agents: Annotated[Name, Field(description="agent runs, their Jobs and pods, and the task state ConfigMaps")]
    events: Annotated[Name, Field(description="the EventSource and the Sensor")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRules:
    """Which pushes count, and how late one may arrive."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    branch: Annotated[
        str,
        Field(
            description="ref of a task's branch, anchored; the first group is the task id. Go (RE2) and Python syntax"
        ),
    ]
    tolerance_s: Annotated[
        Seconds,
        Field(
            description="how far GitHub's clock and the cluster's may be apart; a push never reaches runs created "
            "later than its own time plus this, so a redelivery an hour late is harmless"
        ),
    ]

    def __post_init__(self) -> None:
        try:
            groups = re.compile(self.branch).groups
        except re.error as error:
            raise ValueError(f"branch is not a regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"branch needs exactly one group, the task id; it has {groups}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRules:
    """The lock of a task: 30 s, renewed every 10 s, as the platform's specification asks."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    duration_s: Annotated[Seconds, Field(description="a hold that has not changed for this long is expired")]
    renew_every_s: Annotated[Seconds, Field(description="how often a holder renews")]
    renew_deadline_s: Annotated[
        Seconds, Field(description="work stops when the last successful renewal was sent this long ago")
    ]
    retry_every_s: Annotated[Seconds, Field(description="how often a waiter looks, plus up to a fifth of jitter")]
    acquire_timeout_s: Annotated[Seconds, Field(description="a waiter gives up (exit 75) after this long")]
    handover: Annotated[
        str,
        Field(
            description="file on the pod's memory-backed volume in which its first container leaves the Lease for the "
            "second; empty: it is read again"
        ),
    ]

    def __post_init__(self) -> None:
        # The rules of client-go's leader election: duration / deadline is the clock-rate error that is survived.
        if not self.duration_s > self.renew_deadline_s:
            raise ValueError("duration_s must be longer than renew_deadline_s")
        if not self.renew_deadline_s > 1.2 * self.renew_every_s:
            raise ValueError("renew_deadline_s must be longer than 1.2 times renew_every_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRules:
    """How an agent is stopped: 30 s of grace, 10 s to verify, 3 attempts, 10 at once, as specified."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    grace_s: Annotated[Seconds, Field(description="SIGTERM to forced deletion of the pods")]
    verify_s: Annotated[Seconds, Field(description="forced deletion to giving up (exit 75)")]
    poll_s: Annotated[Seconds, Field(description="how often the agents are listed while they end")]
    attempts: Annotated[Count, Field(description="attempts of each delete")]
    backoff_s: Annotated[Seconds, Field(description="first pause between attempts; doubles, with jitter")]
    parallel: Annotated[Count, Field(description="deletes under way at once")]


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesRules:
    """How the API server is asked."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    timeout_s: Annotated[Seconds, Field(description="one request")]
    attempts: Annotated[Count, Field(description="attempts of a read; a write is repeated only after reading again")]
    page: Annotated[Count | Annotated[int, Field(ge=1, le=5000)], Field(description="objects in one page of a list")]
    events: Annotated[
        bool, Field(description="leave Events on a task's Lease and on each run that is stopped, for kubectl describe")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubRules:
    """How GitHub is asked: five attempts, from 100 ms, as specified."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    api_url: Annotated[Address, Field(min_length=1, description="REST address, also of GitHub Enterprise")]
    ca_config_map: Annotated[
        str,
        matching(
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
        return parts.port or _PORTS[parts.scheme]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """When a dependency that fails is left alone: 5 failures, 30 s, one probe, as specified."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    failures: Annotated[Count, Field(description="failures in a row that open the breaker of a dependency")]
    open_s: Annotated[Seconds, Field(description="how long nobody asks it then; after that, one at a time may try")]
    window_s: Annotated[
        Seconds, Field(description="failures farther apart than this are not in a row; also the retry budget's window")
    ]
    retries: Annotated[
        int, Field(ge=1, le=10000, description="retries of all pods together in one window; then each tries once")
    ]
    limit_s: Annotated[Seconds, Field(description="longest rate limit that pods believe each other")]
    config_map: Annotated[Name, Field(description="ConfigMap that they share, in the workflows' namespace")]
    mount: Annotated[str, Field(min_length=1, description="where it is mounted, so that all's well costs no request")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRules:
    """Labels of a pull request."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

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
class CommentRules:
    """The comment on the pull request that says what was done."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    enabled: Annotated[bool, Field(description="write one, and keep it up to date")]
    argo_url: Annotated[
        str,
        matching(r"(https?://[^\s()<>\[\]]+)?", give="an address such as https://argo.example.com, or nothing"),
        Field(
            description="address of Argo's UI, for a link to the Workflow; empty: no link",
        ),
    ]
    deadline_s: Annotated[
        Seconds, Field(description="longest wait for GitHub to take it, before the record is finished without")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRules:
    """The platform's own state of a task."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    config_map: Annotated[
        str,
        matching(
            r"([a-z0-9]|(?<!^)[.-](?!$)|\{task\})*",
            give="a name of lower-case letters, digits, dashes and dots, with {task} in it",
        ),
        Field(description="name of the ConfigMap, with {task}"),
    ]
    key: Annotated[DataKey, Field(description="key of the JSON document in it")]

    def __post_init__(self) -> None:
        if "{task}" not in self.config_map:
            raise ValueError("config_map must contain {task}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKind:
    """One kind of agent run, as data: what it is called, where its fields are, how it is stopped."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    group: Annotated[str, Field(description="API group; empty for the core group")]
    version: Annotated[
        str,
        matching(r"v[0-9][a-z0-9]*", give="a version such as v1, without its group"),
        Field(description="API version"),
    ]
    plural: Annotated[
        str,
        matching(r"[a-z][a-z0-9]*", give="the resource's name as `kubectl api-resources` has it, such as coderuns"),
        Field(description="resource name, as in the API path"),
    ]
    selector: Annotated[dict[str, str], Field(description="labels that every such run has, besides the task")]
    task: Annotated[FieldPath, Field(description="where the task id is; a label is selected by the API server")]
    repository: Annotated[FieldPath, Field(description="where the repository is, as URL or owner/name")]
    agent: Annotated[FieldPath, Field(description="where the agent's name is")]
    phase: Annotated[FieldPath, Field(description="where the phase is")]
    sha: Annotated[
        OptionalFieldPath, Field(description="where the commit is that the run works on; empty if runs do not say")
    ]
    job: Annotated[
        OptionalFieldPath, Field(description="where the name of the run's Job is; empty if owner references are enough")
    ]
    finished: Annotated[tuple[str, ...], Field(description="phases that need no cancellation")]
    cancellable: Annotated[
        tuple[str, ...], Field(description='agents that may be cancelled; "*" for all but the exempt')
    ]
    exempt: Annotated[tuple[str, ...], Field(description="agents that never are: they wrote the push")]
    stop_patch: Annotated[
        dict[str, Any],
        Field(description="merge patch that asks a run to stop, before it is deleted; empty: delete at once"),
    ]
    delete: Annotated[
        bool, Field(description="delete what was not asked to stop, or has not stopped; false: it has to end by itself")
    ]

    def __post_init__(self) -> None:
        if not self.delete and not self.stop_patch:
            raise ValueError("delete is false and stop_patch is empty: nothing would stop such a run")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """Everything a step can be told, besides the push itself."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    namespaces: Namespaces
    push: PushRules
    lease: LeaseRules
    stop: StopRules
    kubernetes: KubernetesRules
    github: GitHubRules
    breaker: BreakerRules
    labels: LabelRules
    comment: CommentRules
    state: StateRules
    agents: Annotated[tuple[RunKind, ...], Field(min_length=1, description="kinds of agent runs")]

    def __post_init__(self) -> None:
        # The last request may begin when the hold is almost due for renewal, and take this long twice: to connect, and
        # to be answered.
        if not self.lease.renew_every_s + 2 * self.comment.deadline_s < self.lease.renew_deadline_s:
            raise ValueError("comment.deadline_s: twice that and lease.renew_every_s must be below renew_deadline_s")


# owner/name of a repository and login of an account, as patterns.
REPOSITORY = next(parameter.pattern for parameter in PARAMETERS if parameter.name == "repository")
SENDER = r"[A-Za-z0-9][A-Za-z0-9-]{0,99}(\[bot\])?"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSources:
    """Whose pushes count, and where."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    repositories: Annotated[
        tuple[Annotated[str, matching(REPOSITORY, give="owner/name, such as 5dlabs/cto")], ...],
        Field(min_length=1, description="owner/name; pushes to any other are ignored"),
    ]
    senders: Annotated[
        tuple[Annotated[str, matching(SENDER, give="a login, such as octocat or some-app[bot]")], ...],
        Field(min_length=1, description="logins whose pushes make agents stale"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRules:
    """How what went wrong anyway is found and finished."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    every_s: Annotated[
        int,
        Field(ge=10, le=60, description="from one pass to the next; a pod of each minute does them one after another"),
    ]
    stuck_after_s: Annotated[
        Seconds, Field(description="an unfinished cancellation without a sign of life for this long is taken up again")
    ]
    lost_after_s: Annotated[
        Seconds, Field(description="a push that GitHub knows of and no Workflow does is lost after this long")
    ]
    ask_github: Annotated[
        bool,
        Field(
            description="look for lost pushes: one request per repository with live agents and pass; needs read access "
            "to contents"
        ),
    ]
    in_flight: Annotated[Count, Field(description="repairs under way at once")]
    tries: Annotated[Count, Field(description="repairs of one task before it is left to a person")]
    backoff_s: Annotated[Seconds, Field(description="pause after a task's first repair; doubles with each further one")]
    keep_idle_days: Annotated[
        int, Field(ge=1, le=3650, description="a finished task's Lease and record are deleted after this long")
    ]
    dry_run: Annotated[bool, Field(description="only log what would be done")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings(StepSettings):
    """Everything that reconcile can be told."""

    reconcile: ReconcileRules
    events: PushSources


T = TypeVar("T", bound=StepSettings)


def load(tree: type[T], values: Mapping[str, object], *, source: str) -> T:
    """Build a settings tree from plain values.

    Args:
        tree: `StepSettings` or the generator's extension of it.
        values: Nested mapping, as TOML or JSON gives it.
        source: Where the values came from, for the error.

    Raises:
        BadInputError: A key is unknown, missing or malformed; every such key is named.
    """
    try:
        return TypeAdapter(tree).validate_python(values)
    except ValidationError as error:
        raise BadInputError(f"{source}: " + "; ".join(complaints(error))) from error


def from_env(env: Mapping[str, str], tree: type[T]) -> T:
    """Read back what the generator rendered into the container's environment.

    Args:
        env: The container's environment.
        tree: What the container was given.

    Raises:
        BadInputError: The variable is missing, not JSON, or holds a wrong key.
    """
    text = env.get(ENV)
    if text is None:
        raise BadInputError(f"{ENV} is not set: the steps run from the rendered WorkflowTemplate, which sets it")
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BadInputError(f"{ENV} is not JSON: render the manifests again") from error
    return load(tree, values, source=ENV)
