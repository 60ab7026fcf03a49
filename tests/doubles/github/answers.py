"""GitHub's JSON for accounts, repositories, labels, pull requests and activity.

Guarantees: every required key of GitHub's published description is there (a contract test checks it), and every URL
points at the server that was asked. Does not: invent contents; counts and texts that nothing here needs are empty.
"""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

from tests.doubles.github.links import ACCOUNT_LINKS, REPOSITORY_LINKS
from tests.doubles.github.world import App

if TYPE_CHECKING:
    from tests.doubles.github.access import Installation
    from tests.doubles.github.world import Account, Activity, Comment, Hook, Label, PullRequest, Repository, World

_ZEROES = (
    "forks", "forks_count", "open_issues", "open_issues_count", "size", "stargazers_count",
    "watchers", "watchers_count",
)  # fmt: skip
_ROLES = ("none", "read", "triage", "write", "maintain", "admin")
_LEAST_ROLES = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
_NOTHING = ("description", "homepage", "language", "license", "mirror_url")


def timestamp(moment: float) -> str:
    """Render a time as the API does: whole seconds, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def node_id(kind: str, number: int) -> str:
    """Make an opaque id as GraphQL would know it."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


class Answers:
    """Renders the world for clients that reached it at `base_url`."""

    def __init__(self, *, world: World, base_url: str) -> None:
        self._world = world
        self._base = base_url
        self._html = "https://github.com"

    def repository_url(self, repository: Repository) -> str:
        """Give the repository's own URL."""
        return f"{self._base}/repos/{repository.full_name}"

    def account(self, account: Account) -> dict[str, Any]:
        """Render a user, bot or organisation."""
        base = f"{self._base}/users/{account.login}"
        return {
            "login": account.login,
            "id": account.id,
            "node_id": node_id("User", account.id),
            "avatar_url": f"{self._html}/avatars/{account.id}",
            "gravatar_id": "",
            "html_url": f"{self._html}/{account.login}",
            **{key: base + suffix for key, suffix in ACCOUNT_LINKS.items()},
            "type": account.type,
            "site_admin": False,
        }

    def label(self, repository: Repository, label: Label) -> dict[str, Any]:
        """Render one label."""
        return {
            "id": label.id,
            "node_id": node_id("Label", label.id),
            "url": f"{self.repository_url(repository)}/labels/{label.name}",
            "name": label.name,
            "color": label.color,
            "default": False,
            "description": label.description,
        }

    def labels(self, repository: Repository, pull: PullRequest) -> list[dict[str, Any]]:
        """Render a pull request's labels."""
        return [self.label(repository, repository.labels[name]) for name in pull.labels]

    def repository(self, repository: Repository, *, full: bool = False) -> dict[str, Any]:
        """Render a repository; `full` is how it describes itself, otherwise how others mention it."""
        html = f"{self._html}/{repository.full_name}"
        answer = {
            "id": repository.id,
            "node_id": node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "owner": self.account(self._world.account(repository.owner)),
            "private": repository.private,
            "visibility": "private" if repository.private else "public",
            "fork": repository.fork,
            "default_branch": repository.default_branch,
            "html_url": html,
            "clone_url": f"{html}.git",
            "svn_url": html,
            "git_url": f"git://github.com/{repository.full_name}.git",
            "ssh_url": f"git@github.com:{repository.full_name}.git",
            **{key: self.repository_url(repository) + suffix for key, suffix in REPOSITORY_LINKS.items()},
            **dict.fromkeys(_ZEROES, 0),
            **dict.fromkeys(_NOTHING),
            **dict.fromkeys(("has_issues", "has_projects", "has_wiki", "has_downloads"), True),
            **dict.fromkeys(("has_pages", "has_discussions", "archived", "disabled"), False),
            "created_at": timestamp(repository.created_at),
            "updated_at": timestamp(repository.pushed_at),
            "pushed_at": timestamp(repository.pushed_at),
        }
        return {**answer, "network_count": 0, "subscribers_count": 0} if full else answer

    def pull(self, repository: Repository, pull: PullRequest, *, full: bool = False) -> dict[str, Any]:
        """Render a pull request; `full` adds what lists leave out."""
        base = self.repository_url(repository)
        url, issue = f"{base}/pulls/{pull.number}", f"{base}/issues/{pull.number}"
        html = f"{self._html}/{repository.full_name}/pull/{pull.number}"
        head = None if pull.head_repository is None else self._world.repository(pull.head_repository)
        links = {
            "self": url,
            "html": html,
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{base}/pulls/comments{{/number}}",
            "commits": f"{url}/commits",
            "statuses": f"{base}/statuses/{pull.head_sha}",
        }
        answer = {
            "id": pull.id,
            "node_id": node_id("PullRequest", pull.id),
            "number": pull.number,
            "state": pull.state,
            "locked": pull.locked,
            "title": pull.title,
            "body": None,
            "draft": pull.draft,
            "user": self.account(self._world.account(pull.author)),
            "labels": self.labels(repository, pull),
            "milestone": None,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "author_association": "CONTRIBUTOR",
            "auto_merge": None,
            "created_at": timestamp(pull.created_at),
            "updated_at": timestamp(pull.updated_at),
            "closed_at": None if pull.closed_at is None else timestamp(pull.closed_at),
            "merged_at": timestamp(pull.closed_at) if pull.merged and pull.closed_at is not None else None,
            "merge_commit_sha": None,
            "head": self._side(pull.head_owner, pull.head_ref, pull.head_sha, head),
            "base": self._side(repository.owner, pull.base_ref, pull.base_sha, repository),
            "url": url,
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "issue_url": issue,
            **{
                f"{key}_url": links[key]
                for key in ("comments", "review_comments", "review_comment", "commits", "statuses")
            },
            "_links": {key: {"href": href} for key, href in links.items()},
        }
        comments = sum(comment.pull == pull.number for comment in repository.comments.values())
        return {**answer, **_FULL_PULL, "merged": pull.merged, "comments": comments} if full else answer

    def issue(self, repository: Repository, pull: PullRequest) -> dict[str, Any]:
        """Render a pull request as the issue that it is, too."""
        url, base = f"{self.repository_url(repository)}/issues/{pull.number}", self.pull(repository, pull)
        shared = ("number", "title", "state", "locked", "user", "labels", "milestone", "assignee", "assignees", "body")
        links = ("html_url", "diff_url", "patch_url")
        return {
            **{key: base[key] for key in (*shared, "created_at", "updated_at", "closed_at", "author_association")},
            "id": pull.id,
            "node_id": base["node_id"],
            "url": url,
            "repository_url": self.repository_url(repository),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": base["html_url"],
            "comments": sum(comment.pull == pull.number for comment in repository.comments.values()),
            "pull_request": {"url": base["url"], **{key: base[key] for key in links}, "merged_at": base["merged_at"]},
        }

    def comment(self, repository: Repository, comment: Comment) -> dict[str, Any]:
        """Render one comment."""
        base = f"{self.repository_url(repository)}/issues"
        html = f"{self._html}/{repository.full_name}/pull/{comment.pull}"
        return {
            "id": comment.id,
            "node_id": node_id("IssueComment", comment.id),
            "url": f"{base}/comments/{comment.id}",
            "html_url": f"{html}#issuecomment-{comment.id}",
            "issue_url": f"{base}/{comment.pull}",
            "user": self.account(self._world.account(comment.author)),
            "body": comment.body,
            "created_at": timestamp(comment.created_at),
            "updated_at": timestamp(comment.updated_at),
            "author_association": "CONTRIBUTOR",
            "performed_via_github_app": None if comment.app is None else self.app(comment.app),
        }

    def app(self, app: App) -> dict[str, Any]:
        """Render a GitHub App."""
        return {
            "id": app.id,
            "slug": app.slug,
            "node_id": node_id("Integration", app.id),
            "owner": self.account(self._world.account(app.slug)),
            "name": app.slug,
            "description": None,
            "external_url": self._html,
            "html_url": f"{self._html}/apps/{app.slug}",
            "created_at": timestamp(0),
            "updated_at": timestamp(0),
            "permissions": {},
            "events": [],
        }

    def user(self, account: Account) -> dict[str, Any]:
        """Render the account that asks, in full."""
        return {
            **self.account(account),
            **dict.fromkeys(("name", "company", "email", "hireable", "location", "bio"), None),
            "blog": "",
            **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
            "created_at": timestamp(0),
            "updated_at": timestamp(0),
        }

    def hook(self, repository: Repository, hook: Hook) -> dict[str, Any]:
        """Render a webhook of a repository; its secret is never shown."""
        url = f"{self.repository_url(repository)}/hooks/{hook.id}"
        return {
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": hook.active,
            "events": list(hook.events),
            "config": {"url": hook.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"},
            "created_at": timestamp(hook.at),
            "updated_at": timestamp(hook.at),
            "url": url,
            "test_url": f"{url}/test",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": {"code": 200, "status": "active", "message": "OK"},
        }

    def own_app(self, installation: Installation) -> dict[str, Any]:
        """Render an App as it sees itself."""
        app = self.app(App(id=int(installation.app_id), slug=installation.slug))
        permissions = {**installation.permissions, "metadata": "read"}
        return {**app, "permissions": permissions, "events": list(installation.events), "installations_count": 1}

    def permission(self, account: Account, role: str) -> dict[str, Any]:
        """Render what an account may do in a repository. The permission is one of four; the role may be another."""
        rank = _ROLES.index(role)
        may = {name: rank >= _ROLES.index(least) for name, least in _LEAST_ROLES.items()}
        return {
            "permission": {"maintain": "write", "triage": "read"}.get(role, role),
            "user": {**self.account(account), "permissions": may, "role_name": role},
            "role_name": role,
        }

    def activity(self, activity: Activity) -> dict[str, Any]:
        """Render one change of a ref."""
        return {
            "id": activity.id,
            "node_id": node_id("Push", activity.id),
            "before": activity.before,
            "after": activity.after,
            "ref": activity.ref,
            "timestamp": timestamp(activity.at),
            "activity_type": activity.type,
            "actor": self.account(self._world.account(activity.actor)),
        }

    def _side(self, owner: str, ref: str, sha: str, repository: Repository | None) -> dict[str, Any]:
        return {
            "label": f"{owner}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": self.account(self._world.account(owner)),
            "repo": None if repository is None else self.repository(repository),
        }


_FULL_PULL: dict[str, Any] = {
    "merged_by": None,
    "mergeable": None,
    "mergeable_state": "unknown",
    "rebaseable": None,
    "maintainer_can_modify": False,
    "comments": 0,
    "review_comments": 0,
    "commits": 1,
    "additions": 0,
    "deletions": 0,
    "changed_files": 0,
}
