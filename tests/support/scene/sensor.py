"""What the Sensor creates: the Workflow of a push, or of the end of a branch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from steps.cancellation.workflow import build_workflow
from steps.core.clock import parse_time
from steps.domain.push import ZERO_SHA, Push, Repository, Sha
from steps.domain.task_id import TaskId
from tests.support.scene.workflow import Workflow, parameters
from tests.support.scene.world import NEW, REPOSITORY, World


class Sensor(World):
    """Creates Workflows; they wait until they are played."""

    __slots__ = ()

    def workflow(
        self,
        *,
        sha: str = NEW,
        task: int | str = 7,
        pushed_at: datetime | None = None,
        repository: str = REPOSITORY,
        before: str = "",
        branch: str = "",
        dry_run: bool = False,
        reason: str = "push",
    ) -> Workflow:
        """The Workflow that the Sensor creates now for a push (by default of this very moment)."""
        branch = branch or f"task-{task}-work"
        push = Push(
            repository=Repository(repository),
            task=TaskId(str(task)),
            ref=f"refs/heads/{branch}",
            before=Sha(before or self.replaced_by(sha, branch=branch, repository=repository)),
            sha=Sha(sha),
            pushed_at=(pushed_at or self.clock.now()).replace(microsecond=0),
            correlation_id=f"delivery-{next(self._serial)}",
            reason=reason,
            dry_run=dry_run,
            requested_by="5DLabs-Rex[bot]",
        )
        metadata = self.api.create(build_workflow(parameters(push), settings=self.settings))["metadata"]
        self.argo.step()
        return Workflow(
            name=metadata["name"],
            uid=metadata["uid"],
            created_at=parse_time(metadata["creationTimestamp"]),
            push=push,
        )

    def ended(self, reason: str = "closed", *, before: str = NEW, **options: Any) -> Workflow:  # noqa: ANN401 - passed on
        """The Workflow that the Sensor creates now for a closed pull request or a deleted branch."""
        return self.workflow(sha=ZERO_SHA, before=before, reason=reason, **options)

    def replaced_by(self, sha: str, *, branch: str = "task-7-work", repository: str = REPOSITORY) -> str:
        """The commit that GitHub's webhook of this push names as `before`; zeros if the branch is new.

        GitHub's REST API may show a push later than its webhook: the branch is then still at the replaced commit.
        """
        known = self.github.world.repositories.get(repository)
        if known is None:
            return ZERO_SHA
        pushes = [each.before for each in known.activities if each.after == sha]
        at_branch = known.branches.get(branch, ZERO_SHA)
        return pushes[0] if pushes else at_branch if at_branch != sha else ZERO_SHA
