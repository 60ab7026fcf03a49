"""What a check of an installation says, and the reader that the checks share.

Guarantees that one check which cannot look keeps no other from looking: what it was refused, or got no answer to, is
a finding of its own (`unknown`), never "ok".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from steps.errors import Exit, ForbiddenError, NotFoundError, StepError, UnavailableError
from steps.kube import Kube, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from pipelines.settings import Settings
    from steps.kube import Json


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        check: Which check it was.
        verdict: What came of it.
        found: What is so.
        remedy: What to do about it; empty if nothing is to be done.
    """

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Resource):
    """A kind without namespaces, or of all namespaces; with no plural, everything that a group serves."""

    def path(self, *, namespace: str = "", name: str = "") -> str:
        """The API path of an object, or of the collection."""
        del namespace
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return "/".join(part for part in (root, self.plural, quote(name, safe="")) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
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


def examine(
    patient: Patient, checks: Mapping[str, Callable[[Patient, str], Iterable[Diagnosis]]]
) -> Iterator[Diagnosis]:
    """Run every check; what each could not find out is said."""
    for name, check in checks.items():
        try:
            yield from check(patient, name)
        except ForbiddenError as error:
            remedy = "ask somebody who may look, or have it granted"
            yield Diagnosis(check=name, verdict=Verdict.UNKNOWN, found=f"you may not look: {error}", remedy=remedy)
        except UnavailableError as error:
            remedy = "see that it can be reached from here, and ask again"
            yield Diagnosis(check=name, verdict=Verdict.UNKNOWN, found=f"no answer: {error}", remedy=remedy)
        except StepError as error:
            yield Diagnosis(check=name, verdict=Verdict.WRONG, found=str(error), remedy="see the other findings first")


def exit_code(found: Iterable[Diagnosis]) -> int:
    """0 if nothing is wrong, 1 if something is, 75 if nothing is as far as could be seen, and not all could be."""
    verdicts = {each.verdict for each in found}
    if Verdict.WRONG in verdicts:
        return Exit.BUG
    return Exit.TRY_AGAIN if Verdict.UNKNOWN in verdicts else Exit.DONE
