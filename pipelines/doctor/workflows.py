"""The checks of running cancellations: limits of Workflows, reconcile's schedule, and tasks that need attention."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from pipelines.client import counted, read_setting
from pipelines.doctor.argo import own_configurations
from pipelines.doctor.check import CheckResult, CheckStatus
from pipelines.names import LIMITS, LIMITS_KEY, RECONCILE
from steps.core import parse_time
from steps.kube import CONFIG_MAPS, LEASES, Resource
from steps.observed_state import ATTENTION_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.doctor.check import Installation

_CRON_WORKFLOWS = Resource(group="argoproj.io", version="v1alpha1", plural="cronworkflows")
# Longest delay of a scheduled pod.
_LATE = timedelta(minutes=5)


def limits(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check the semaphore's limit: without a number, Argo fails every Workflow."""
    namespace, settings = installation.settings.namespaces.workflows, installation.settings.workflow
    found = installation.find(CONFIG_MAPS, namespace=namespace, name=LIMITS)
    text = ((found or {}).get("data") or {}).get(LIMITS_KEY, "")
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        yield CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found=f"ConfigMap {LIMITS} has no number above 0 in {LIMITS_KEY}: no Workflow can begin",
            fix=f"set it to {settings.concurrent}, the value of workflow.concurrent",
        )
    elif int(text) != settings.concurrent:
        problem = f"{counted(int(text), 'cancellation')} at once, but workflow.concurrent is {settings.concurrent}"
        fix = "do nothing if it was changed live; GitOps resets it"
        yield CheckResult(check=check, status=CheckStatus.WARNING, found=problem, fix=fix)
    else:
        yield CheckResult(check=check, status=CheckStatus.OK, found=f"{counted(int(text), 'cancellation')} at once")


def parallelism(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that agents do not use up Argo's own limits, and block cancellations; silent if no agent is a Workflow."""
    if not any((kind.group, kind.plural) == ("argoproj.io", "workflows") for kind in installation.settings.agents):
        return
    spaces = installation.settings.namespaces
    for namespace, data in own_configurations(installation):
        most = read_setting(data, "parallelism")
        if not most and spaces.workflows in spaces.agents:
            most = read_setting(data, "namespaceParallelism")
        if most:
            found = f"{namespace}: at most {most} Workflows run, agents included: a cancellation may wait for an agent"
            fix = (
                "in the controller's ConfigMap, set namespaceParallelism instead of parallelism, and run the agents in "
                "other namespaces than the cancellations; or give the agents a controller of their own"
            )
            yield CheckResult(check=check, status=CheckStatus.WARNING, found=found, fix=fix)
        else:
            yield CheckResult(check=check, status=CheckStatus.OK, found=f"{namespace}: no limit that agents use up")


def schedule(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that reconcile is not suspended and ran recently."""
    namespace, every_s = installation.settings.namespaces.workflows, installation.settings.reconcile.every_s
    found = installation.find(_CRON_WORKFLOWS, namespace=namespace, name=RECONCILE)
    if not every_s:
        yield _switched_off(check, namespace=namespace, still_there=found is not None)
        return
    if found is None:
        return  # the check `objects` reports it
    last = (found.get("status") or {}).get("lastScheduledTime")
    since = installation.now - (parse_time(last) if last else parse_time(found["metadata"]["creationTimestamp"]))
    if found["spec"].get("suspend"):
        resumed = '{"spec": {"suspend": false}}'
        fix = f"kubectl -n {namespace} patch cronworkflow {RECONCILE} --type merge -p '{resumed}'"
        problem = "reconcile is suspended: it repairs nothing"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
    elif since > _LATE + timedelta(seconds=every_s if every_s > 60 else 0):  # noqa: PLR2004 - a pod starts each minute
        problem = f"reconcile has not run for {int(since.total_seconds())} s"
        fix = "check that Argo's controller runs and manages this namespace"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
    else:
        state = "reconcile ran recently" if last else "reconcile was just installed"
        yield CheckResult(check=check, status=CheckStatus.OK, found=state)


def _switched_off(check: str, *, namespace: str, still_there: bool) -> CheckResult:
    if still_there:
        return CheckResult(
            check=check,
            status=CheckStatus.WARNING,
            found="reconcile.every_s is 0, but the CronWorkflow of an earlier version still runs reconcile",
            fix=f"kubectl -n {namespace} delete cronworkflow {RECONCILE}",
        )
    return CheckResult(
        check=check,
        status=CheckStatus.WARNING,
        found="reconcile is off (reconcile.every_s = 0): nothing finds or repairs what went wrong",
        fix="do nothing if you run agent-cancellation reconcile yourself; else set reconcile.every_s",
    )


def escalated_tasks(installation: Installation, check: str) -> Iterator[CheckResult]:
    """List the tasks that need attention."""
    namespace = installation.settings.namespaces.workflows
    waiting = [
        each["metadata"]["name"] for each in installation.kube.list(LEASES, namespace=namespace, labels=ATTENTION_LABEL)
    ]
    if waiting:
        need = "needs" if len(waiting) == 1 else "need"
        problem = f"{counted(len(waiting), 'task')} {need} attention: {', '.join(waiting[:3])}"
        fix = "run agent-cancellation status, fix each task, then remove its label agent-cancellation/needs-attention"
        yield CheckResult(check=check, status=CheckStatus.WARNING, found=problem, fix=fix)
    else:
        yield CheckResult(check=check, status=CheckStatus.OK, found="no task needs attention")
