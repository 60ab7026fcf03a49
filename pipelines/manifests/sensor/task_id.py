"""The template by which the Sensor builds a task id from a push's ref.

Guarantees that it gives the same id as `steps.domain.task_id` for every ref that passes the Sensor's filters: a test
compares them. It has nothing that Flux reads as a variable. Does not check the ref. The steps check it again, and
refuse an id that does not belong to it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipelines.settings import ref_pattern
from steps.domain import HASH_LENGTH, HASHED_PATTERN, ID_PATTERN, NO_SLUG, SLUG_LENGTH

if TYPE_CHECKING:
    from pipelines.settings import Settings


def task_id_template(settings: Settings, *, ref: str = ".Input.body.ref") -> str:
    """Build the Go template. The first pattern that matches decides, as in the steps.

    Args:
        settings: The branches that are tasks.
        ref: Go's expression for the ref, with refs/heads/.
    """
    found = f"{{{{ $id := {ref} }}}}"
    for index, pattern in enumerate(settings.tasks):
        anchored = json.dumps(f"^{ref_pattern(pattern)}$")
        found += f"{{{{ {'else if' if index else 'if'} regexMatch {anchored} $id }}}}"
        # Without braces, because Flux would replace ${id} by a variable of its own, or by nothing.
        found += f'{{{{ $id = regexReplaceAll {anchored} $id "{pattern.prefix}${pattern.group}" | lower }}}}'
    return found + "{{ end }}" + _SAFE


_SAFE_ID = f'and (regexMatch "^{ID_PATTERN}$" $id) (not (regexMatch "{HASHED_PATTERN}$" $id))'
_SLUG = f'regexReplaceAll "[^a-z0-9]+" $id "-" | trunc {SLUG_LENGTH} | trimAll "-" | default "{NO_SLUG}"'
_HASH = f"sha256sum $id | trunc {HASH_LENGTH}"
_SAFE = f"{{{{ if {_SAFE_ID} }}}}{{{{ $id }}}}{{{{ else }}}}{{{{ {_SLUG} }}}}-{{{{ {_HASH} }}}}{{{{ end }}}}"
