"""The parameters of a WorkflowTemplate, and how a step reads them from its environment. Pure.

Guarantees that each value matches its pattern as a whole, so that Argo, Kubernetes and GitHub read it as a plain value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.core import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a WorkflowTemplate.

    Attributes:
        pattern: Always anchored at both ends. It means the same in Go (RE2) and in Python with re.ASCII.
        expects: The expected value, for error messages.
        default: None if the submitter has to give the value.
    """

    name: str
    pattern: str
    expects: str
    default: str | None = None

    @property
    def env(self) -> str:
        """Name of the step's environment variable for this parameter."""
        return self.name.upper().replace("-", "_")


def shown(value: str) -> str:
    """Make a value safe for an error message: short, and without control characters."""
    return ascii(value if len(value) <= 60 else value[:57] + "...")  # noqa: PLR2004 - one line of an error


def read_parameters(env: Mapping[str, str], parameters: Iterable[Parameter]) -> dict[str, str]:
    """Read and check parameters.

    Args:
        env: The container's environment.
        parameters: The parameters of its template.

    Raises:
        BadInputError: A parameter is missing or malformed. The message names each one and the expected value.
    """
    values: dict[str, str] = {}
    problems = []
    for parameter in parameters:
        value = env.get(parameter.env, parameter.default)
        if value is None:
            problems.append(f"{parameter.name} is missing: give {parameter.expects}")
        elif not re.fullmatch(parameter.pattern, value, re.ASCII):
            problems.append(f"{parameter.name} is {shown(value)}: give {parameter.expects}")
        else:
            values[parameter.name] = value
    if problems:
        raise BadInputError("parameters: " + "; ".join(problems))
    return values
