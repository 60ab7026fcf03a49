"""Settings of the pods: where they may run, how their image is pulled, and what marks them.

Guarantees that no label of the user replaces one by which the NetworkPolicy, Argo or this project finds the pods, and
that a toleration is one that the API server accepts. Not guaranteed: that a node fits; `doctor` looks for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from pipelines.settings.resources import STRICT
from steps.core import APP, PREFIX
from steps.settings import LABEL_VALUE_PATTERN, Name, pattern_validator

_KEY_PATTERN = r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY_GIVE = "the name of a label, such as dedicated or example.com/pool"
_OTHERS = ("workflows.argoproj.io", "events.argoproj.io", PREFIX)
_RESERVED = (*APP, "sensor-name", "eventsource-name", "owner-name", "controller")
# All annotations of an object together, in bytes.
_MAX_ANNOTATIONS = 16_384


def _checked_keys(values: dict[str, str]) -> dict[str, str]:
    """Check the keys of labels or annotations.

    Raises:
        ValueError: One is malformed.
    """
    for key in values:
        if not re.fullmatch(_KEY_PATTERN, key):
            raise ValueError("a key is malformed: give keys such as dedicated or example.com/pool")
    return values


def checked_labels(labels: dict[str, str]) -> dict[str, str]:
    """Check the keys and values of labels.

    Raises:
        ValueError: A key or a value is not one that a label can have.
    """
    if not all(re.fullmatch(LABEL_VALUE_PATTERN, value) for value in labels.values()):
        raise ValueError("a value is malformed: it has at most 63 letters, digits, inner dashes, dots and underscores")
    return _checked_keys(labels)


def _checked_own(values: dict[str, str]) -> dict[str, str]:
    """Check that keys belong to the user.

    Raises:
        ValueError: Argo or this project writes one of them.
    """
    for key in values:
        if key in _RESERVED or key.rpartition("/")[0] in _OTHERS:
            raise ValueError(f"{key} is written by Argo or agent-cancellation: choose another key")
    return values


def _checked_annotations(annotations: dict[str, str]) -> dict[str, str]:
    """Check the size of annotations, and that Argo finds no template in them.

    Raises:
        ValueError: They are too large, or Argo would evaluate a text.
    """
    if any("{{" in value for value in annotations.values()):
        raise ValueError("remove {{: Argo would evaluate the text after it")
    if sum(len(key) + len(value.encode()) for key, value in annotations.items()) > _MAX_ANNOTATIONS:
        raise ValueError("give at most 16 KiB")
    return _checked_keys(annotations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A taint of nodes that the pods tolerate."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    key: Annotated[str, pattern_validator(f"({_KEY_PATTERN})?", give=f"{_KEY_GIVE}, or nothing")] = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: Annotated[str, pattern_validator(LABEL_VALUE_PATTERN, give="the value of a label, or nothing")] = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    seconds: Annotated[int, Field(ge=0)] | None = None

    def __post_init__(self) -> None:
        if not self.key and self.operator != "Exists":
            raise ValueError('a toleration without a key tolerates all taints: give a key, or operator = "Exists"')
        if self.operator == "Exists" and self.value:
            raise ValueError('operator = "Exists" tolerates any value: remove value or operator')
        if self.seconds is not None and self.effect != "NoExecute":
            raise ValueError('seconds counts only with effect = "NoExecute": remove it or change effect')

    def manifest(self) -> dict[str, Any]:
        """Return the toleration as Kubernetes writes it."""
        return {
            **({"key": self.key} if self.key else {}),
            "operator": self.operator,
            **({"value": self.value} if self.operator == "Equal" else {}),
            **({"effect": self.effect} if self.effect else {}),
            **({} if self.seconds is None else {"tolerationSeconds": self.seconds}),
        }

    def tolerates(self, taint: dict[str, Any]) -> bool:
        """Whether a pod with this toleration may run on a node with a taint."""
        same = self.operator == "Exists" or self.value == (taint.get("value") or "")
        return self.key in ("", taint["key"]) and self.effect in ("", taint["effect"]) and same


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """The pods of the steps, of the Sensor and of the EventSource."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    image_pull_secrets: Annotated[
        tuple[Name, ...],
        Field(
            description="Secrets in the workflows' namespace with the credentials of the image's registry; not for the "
            "pods of Argo Events"
        ),
    ]
    node_selector: Annotated[
        dict[str, str],
        AfterValidator(checked_labels),
        Field(description='labels of the nodes that the pods may run on, such as { "example.com/pool" = "ci" }'),
    ]
    tolerations: Annotated[
        tuple[Toleration, ...],
        Field(
            description="taints of nodes that the pods tolerate, such as "
            '[{ key = "dedicated", value = "ci", effect = "NoSchedule" }]; keys: key, operator (Equal or Exists), '
            "value, effect, seconds (tolerationSeconds)"
        ),
    ]
    labels: Annotated[
        dict[str, str],
        AfterValidator(checked_labels),
        AfterValidator(_checked_own),
        Field(description='further labels of the pods, such as { "example.com/team" = "platform" }'),
    ]
    annotations: Annotated[
        dict[str, str],
        AfterValidator(_checked_annotations),
        AfterValidator(_checked_own),
        Field(description='annotations of the pods, such as { "example.com/scrape" = "false" }'),
    ]

    fixed_user: Annotated[
        bool,
        Field(
            description="the manifests name the user of each pod; false: the platform chooses it, as OpenShift does "
            "(docs/placement.md)"
        ),
    ]

    @property
    def placed(self) -> bool:
        """Whether the pods may run on some nodes only, or on tainted ones."""
        return bool(self.node_selector or self.tolerations)
