"""The result of a check, and the installation that the checks read.

Guarantees that a check which cannot look stops no other check. A refused or unanswered request is a finding of its own
with status `unknown`, or `info` where nobody needs that right; never `ok`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from steps.core import Exit, ForbiddenError, NotFoundError, StepError, UnavailableError
from steps.kube import Kube, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from pipelines.settings import Settings
    from steps.kube import Json


class CheckStatus(StrEnum):
    """Status of a finding."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One finding.

    Attributes:
        check: Name of the check.
        status: Status of the finding.
        found: The state that the check found.
        fix: How to correct it; empty if nothing needs to be done.
    """

    check: str
    status: CheckStatus
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterResource(Resource):
    """A resource without namespaces, or in all namespaces; without a plural, all resources of a group.

    Without a version as well, the group itself.
    """

    def path(self, *, namespace: str = "", name: str = "") -> str:
        """Return the API path of an object or of the collection."""
        del namespace
        root = f"/apis/{self.group}" if self.group else "/api"
        return "/".join(part for part in (root, self.version, self.plural, quote(name, safe="")) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The installation to check.

    Attributes:
        now: The API server's time.
        env: Environment, for ARGO_SERVER and GITHUB_TOKEN.
        argo_namespace: Namespace of Argo's controller; empty to search all namespaces.
        manifests: The objects that an overlay builds; empty if the rendered ones are applied as they are.
    """

    settings: Settings
    kube: Kube
    now: datetime
    env: Mapping[str, str]
    argo_namespace: str = ""
    manifests: tuple[Mapping[str, Any], ...] = ()

    def find(self, resource: Resource, *, name: str, namespace: str = "") -> Json | None:
        """Read an object; None if it does not exist.

        Raises:
            ForbiddenError: The user has no permission to read it.
            UnavailableError: The API server does not answer.
        """
        try:
            return self.kube.get(resource, namespace=namespace, name=name)
        except NotFoundError:
            return None


def run_checks(
    installation: Installation, checks: Mapping[str, Callable[[Installation, str], Iterable[CheckResult]]]
) -> Iterator[CheckResult]:
    """Run every check; turn each error into a finding."""
    for name, check in checks.items():
        try:
            yield from check(installation, name)
        except ForbiddenError as error:
            fix = "run this as a user with the permission, or have it granted"
            yield CheckResult(check=name, status=CheckStatus.UNKNOWN, found=f"no permission: {error}", fix=fix)
        except UnavailableError as error:
            fix = "check that the server can be reached from here, and run this again"
            yield CheckResult(check=name, status=CheckStatus.UNKNOWN, found=f"no answer: {error}", fix=fix)
        except StepError as error:
            yield CheckResult(
                check=name, status=CheckStatus.WRONG, found=str(error), fix="fix the other findings first"
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # Others' objects may have any shape, and any text.
            problem = f"an object that it reads has an unexpected shape ({type(error).__name__})"
            fix = "look for an object of this kind that somebody edited by hand; if there is none, report this"
            yield CheckResult(check=name, status=CheckStatus.UNKNOWN, found=problem, fix=fix)


def exit_code(found: Iterable[CheckResult]) -> int:
    """Return 1 if anything is wrong, else 75 if a check could not look, else 0."""
    statuses = {each.status for each in found}
    if CheckStatus.WRONG in statuses:
        return Exit.BUG
    return Exit.TRY_AGAIN if CheckStatus.UNKNOWN in statuses else Exit.DONE
