"""Compute resources of a container, as quantities of Kubernetes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import ConfigDict

from steps.settings import pattern_validator

STRICT = ConfigDict(extra="forbid")

_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_QUANTITY = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]?|[KMGTPE]i|[eE][+-]?[0-9]{1,2})")

Quantity = Annotated[
    str, pattern_validator(_QUANTITY.pattern, give='a quantity in quotes, such as "100m", "128Mi" or "0.5"')
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """CPU and memory of one container."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    cpu: Quantity
    memory: Quantity

    def as_map(self) -> dict[str, str]:
        """Return them as Kubernetes writes them."""
        return {"cpu": self.cpu, "memory": self.memory}


def check_resources(*, requests: Resources, limits: Resources) -> None:
    """Check that a container requests no more than its limits, as the API server does.

    Raises:
        ValueError: It does; the error names the keys.
    """
    for name, limit in limits.as_map().items():
        if _amount(requests.as_map()[name]) > _amount(limit):
            raise ValueError(f"requests.{name} is more than limits.{name}: lower it, or raise the limit")


def _amount(quantity: str) -> Decimal:
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise AssertionError("the type checks it")
    number, suffix = Decimal(match[1]), match[2]
    if suffix in _BINARY:
        return number * Decimal(1024) ** _BINARY[suffix]
    if suffix in _DECIMAL:
        return number * Decimal(1000) ** _DECIMAL[suffix]
    return number * Decimal(10) ** int(suffix[1:])
