"""The pull request: its labels and its comment.

Guarantees that labels are added and removed one by one, and that the new label is added before the old one is removed.
"""

from steps.pull_request.comment import update_comment
from steps.pull_request.ended_branch import lives_on
from steps.pull_request.label_plan import read_label_plan
from steps.pull_request.labels import move_labels
from steps.pull_request.push_history import is_newer_push, list_pushes

__all__ = [
    "is_newer_push",
    "list_pushes",
    "lives_on",
    "move_labels",
    "read_label_plan",
    "update_comment",
]
