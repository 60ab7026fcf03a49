"""Write YAML with deterministic bytes, in which every string stays a string for every reader.

Hera's dumper leaves numbers of YAML 1.2 unquoted (a short SHA such as 1e10 becomes a number) and joins lines of block
scalars with unbalanced braces. This dumper quotes every string that any reader could take for another type, keeps the
order of keys, and never folds a line.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

# Numbers in any YAML version, and the one-letter booleans of YAML 1.1; PyYAML quotes the rest itself.
_RISKY = re.compile(r"[-+]?[.\d][\d_.:]*([eE][-+]?\d+)?|[-+]?0[xXoObB][\da-fA-F_]+|[yYnN]")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - the signature is the library's
        """Write repeated values in full, because anchors are hard to read in a diff."""
        return True


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "'" if _RISKY.fullmatch(value) else None
    if not value.replace("\n", "").isprintable():
        style = '"'
    elif "\n" in value:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _string)


def dump_yaml(manifest: dict[str, Any]) -> str:
    """Write one object as YAML.

    Raises:
        AssertionError: The YAML does not read back as the same object.
    """
    text = yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=2**31, allow_unicode=True)
    if yaml.safe_load(text) != manifest:
        raise AssertionError(f"{manifest.get('kind')} {manifest.get('metadata')} does not survive YAML")
    return text
