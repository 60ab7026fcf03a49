"""GitHub as the steps use it: everything that they ask, over one connection.

Guarantees that every operation except `add_comment` may be repeated. Each module of `steps.github.operations` says what
its operations guarantee; `RestClient` sends them.
"""

from __future__ import annotations

from steps.github.operations.activity import RepositoryActivity
from steps.github.operations.comments import Comments
from steps.github.operations.labels import Labels
from steps.github.operations.permission import Permissions
from steps.github.operations.pull_requests import PullRequests


class GitHub(PullRequests, Labels, Comments, RepositoryActivity, Permissions):
    """A repository's pull requests, their labels and comments, its latest pushes, and who may do what in it."""
