"""What a check of an installation says, and the reader that the checks share.

Guarantees that one check which cannot look keeps no other from looking: what it was refused, or got no answer to, is
a finding of its own (`unknown`), never "ok".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from steps.core import Exit, ForbiddenError, NotFoundError, StepError, UnavailableError
from steps.kube import Kube, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from pipelines.settings import Settings
    from steps.kube import Json


class CheckStatus(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One thing that was looked at.

    Attributes:
        check: Which check it was.
        status: What came of it.
        found: What is so.
        fix: What to do about it; empty if nothing is to be done.
    """

    check: str
    status: CheckStatus
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterResource(Resource):
    """A kind without namespaces, or of all namespaces; with no plural, everything that a group serves."""

    def path(self, *, namespace: str = "", name: str = "") -> str:
        """The API path of an object, or of the collection."""
        del namespace
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return "/".join(part for part in (root, self.plural, quote(name, safe="")) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The installation that is looked at.

    Attributes:
        now: The API server's time.
        env: Where ARGO_SERVER and GITHUB_TOKEN may be.
        argo_namespace: Where Argo's controller is; empty if it is to be looked for.
    """

    settings: Settings
    kube: Kube
    now: datetime
    env: Mapping[str, str]
    argo_namespace: str = ""

    def find(self, resource: Resource, *, name: str, namespace: str = "") -> Json | None:
        """An object, or None if it is not there.

        Raises:
            ForbiddenError: One may not look.
            UnavailableError: The API server does not answer.
        """
        try:
            return self.kube.get(resource, namespace=namespace, name=name)
        except NotFoundError:
            return None


def run_checks(
    installation: Installation, checks: Mapping[str, Callable[[Installation, str], Iterable[CheckResult]]]
) -> Iterator[CheckResult]:
    """Run every check; what each could not find out is said."""
    for name, check in checks.items():
        try:
            yield from check(installation, name)
        except ForbiddenError as error:
            fix = "ask somebody who may look, or have it granted"
            yield CheckResult(check=name, status=CheckStatus.UNKNOWN, found=f"you may not look: {error}", fix=fix)
        except UnavailableError as error:
            fix = "see that it can be reached from here, and ask again"
            yield CheckResult(check=name, status=CheckStatus.UNKNOWN, found=f"no answer: {error}", fix=fix)
        except StepError as error:
            yield CheckResult(
                check=name, status=CheckStatus.WRONG, found=str(error), fix="see the other findings first"
            )


def exit_code(found: Iterable[CheckResult]) -> int:
    """0 if nothing is wrong, 1 if something is, 75 if nothing is as far as could be seen, and not all could be."""
    verdicts = {each.status for each in found}
    if CheckStatus.WRONG in verdicts:
        return Exit.BUG
    return Exit.TRY_AGAIN if CheckStatus.UNKNOWN in verdicts else Exit.DONE
