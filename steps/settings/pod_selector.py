"""The selectors of an agent kind: the labels of its runs, and those of a run's pods.

Guarantees that the API server reads a selector as it is written, and that a pod selector names one run: it has the
run's name or uid, so it never matches the pods of all runs.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

# A label's key, with the optional prefix, and its value.
_LABEL_KEY = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PLACEHOLDERS = ("{name}", "{uid}")


def _checked_pod_selector(labels: dict[str, str]) -> dict[str, str]:
    """Check the labels of a run's pods.

    Raises:
        ValueError: A key or a value is not a label, or no value names the run.
    """
    for key, value in labels.items():
        filled = value
        for placeholder in _PLACEHOLDERS:
            filled = filled.replace(placeholder, "x")
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(filled):
            raise ValueError(
                'not labels: give keys and values such as { "tekton.dev/pipelineRun" = "{name}" }, with no other '
                "placeholder than {name} and {uid}"
            )
    if labels and not any(placeholder in value for value in labels.values() for placeholder in _PLACEHOLDERS):
        raise ValueError("it would match the pods of every run: give one label with {name} or {uid} in its value")
    return labels


def _checked_selector(labels: dict[str, str]) -> dict[str, str]:
    """Check the labels of runs.

    Raises:
        ValueError: A key or a value is not a label; a comma or an equals sign would select other runs.
    """
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or (value and not _LABEL_VALUE.fullmatch(value)):
            raise ValueError('not labels: give keys and values such as { "app.kubernetes.io/part-of" = "agents" }')
    return labels


Selector = Annotated[dict[str, str], AfterValidator(_checked_selector)]
PodSelector = Annotated[dict[str, str], AfterValidator(_checked_pod_selector)]
