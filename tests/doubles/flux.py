"""What Flux's kustomize-controller makes of a manifest's text if its Kustomization has `postBuild`.

Guarantees: `${name}` becomes the variable's value, or nothing if there is none, and `$$` becomes `$`, as in the real
code. Any other expression in braces raises `LookupError`: not modelled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPRESSION = re.compile(r"\$(?:\$|\{([^}]*)\}?)")
_NAME = re.compile(r"[A-Za-z0-9_]+")


def substituted(text: str, *, variables: Mapping[str, str]) -> str:
    """Return the text with its variables replaced.

    Raises:
        LookupError: An expression is more than a name.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        if not _NAME.fullmatch(name) or not found.group().endswith("}"):
            raise LookupError(f"not modelled: {found.group()}")
        return variables.get(name, "")

    return _EXPRESSION.sub(value, text)
