"""The pull request: its labels, and the one comment.

Guarantees that only single labels are written, the new one before the old one is removed.
"""

from steps.pull_request.comment import update_comment
from steps.pull_request.labels import move_labels, read_label_plan

__all__ = [
    "move_labels",
    "read_label_plan",
    "update_comment",
]
