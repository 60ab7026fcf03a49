"""Compute resources of a container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict

from steps.settings import pattern_validator

STRICT = ConfigDict(extra="forbid")

Quantity = Annotated[
    str, pattern_validator(r"[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi)?", give='a quantity in quotes, such as "100m" or "128Mi"')
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """CPU and memory of one container."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    cpu: Quantity
    memory: Quantity
