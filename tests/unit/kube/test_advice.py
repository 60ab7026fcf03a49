"""Each cause of a refusal has its own advice, and only a cause that ends by itself is tried again."""

from __future__ import annotations

import pytest

from steps.core.errors import (
    BadInputError,
    ConflictError,
    Exit,
    ForbiddenError,
    NotAdmittedYetError,
    StepError,
    TooLargeError,
    UnauthenticatedError,
)
from steps.kube.resources import LEASES
from steps.telemetry.audit import WriteCause, WriteReason
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, Scene
from tests.support.scenarios import stale_push

HOME = DEFAULTS.namespaces.workflows
WHY = WriteReason(cause=WriteCause.ACQUIRE)
LEASE = 'leases.coordination.k8s.io "cancel-x" is forbidden: '
CONFLICT = 'Operation cannot be fulfilled on resourcequotas "team": '
POLICY_SAYS = "coderuns \"x\" is invalid: : ValidatingAdmissionPolicy 'protect' with binding 'all' denied request: "
ROLE = "give the service account the rendered Role"
POLICY = "change the admission webhook or policy that this message names"
QUOTA = "raise the ResourceQuota, or remove finished objects"
SIGN_IN = "on a laptop, sign in to the cluster again; in a pod, check that its service account exists"
WAIT = "the API server is not ready for this object yet; the next attempt may succeed"
NAMESPACE = "wait until the namespace is gone, then create it again"
ADVICE = (
    (
        403,
        LEASE
        + 'User "system:serviceaccount:a:b" cannot create resource "leases" in API group "coordination.k8s.io" in '
        'the namespace "agent-cancellation"',
        ForbiddenError,
        ROLE,
    ),
    (
        403,
        LEASE + "exceeded quota: team, requested: count/leases.coordination.k8s.io=1, used: 50, limited: 50",
        NotAdmittedYetError,
        QUOTA,
    ),
    (403, LEASE + "insufficient quota to consume: count/leases.coordination.k8s.io", NotAdmittedYetError, QUOTA),
    (
        403,
        LEASE + "status unknown for quota: team, resources: count/leases.coordination.k8s.io",
        NotAdmittedYetError,
        WAIT,
    ),
    (403, LEASE + "not yet ready to handle request", NotAdmittedYetError, WAIT),
    (409, CONFLICT + "the object has been modified; please apply your changes", NotAdmittedYetError, QUOTA),
    (
        403,
        LEASE + "unable to create new content in namespace agent-cancellation because it is being terminated",
        ForbiddenError,
        NAMESPACE,
    ),
    (403, 'admission webhook "protect.example.com" denied the request: run is protected', ForbiddenError, POLICY),
    (400, 'admission webhook "protect.example.com" denied the request: run is protected', ForbiddenError, POLICY),
    (422, POLICY_SAYS + "failed expression: object.spec.replicas <= 5", ForbiddenError, POLICY),
    (
        403,
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
        ForbiddenError,
        POLICY,
    ),
    (401, "Unauthorized", UnauthenticatedError, SIGN_IN),
    # An exec plugin that failed leaves no credentials.
    (
        403,
        LEASE + 'User "system:anonymous" cannot create resource "leases" in API group "coordination.k8s.io" in the '
        'namespace "agent-cancellation"',
        ForbiddenError,
        SIGN_IN,
    ),
    (409, 'leases.coordination.k8s.io "cancel-x" already exists', ConflictError, ""),
    (422, 'Lease.coordination.k8s.io "cancel-x" is invalid: metadata.name: Invalid value', TooLargeError, ""),
    (400, "the body of the request was in an unknown format", BadInputError, ""),
)


@pytest.mark.parametrize(("status", "message", "error", "advice"), ADVICE)
def test_each_cause_has_its_own_advice(
    scene: Scene, status: int, message: str, error: type[StepError], advice: str
) -> None:
    scene.api.faults.add(Fault(method="POST", path="/leases", status=status, message=message, times=0))
    with pytest.raises(StepError) as caught:
        scene.kube().create(LEASES, namespace=HOME, body={"metadata": {"name": "cancel-x"}}, reason=WHY)
    assert type(caught.value) is error
    assert message[:100] in str(caught.value)
    given = [each for each in (ROLE, POLICY, QUOTA, WAIT, SIGN_IN, NAMESPACE) if each in str(caught.value)]
    assert given == [advice] * bool(advice)
    (audit,) = [line for line in scene.events() if line["event"] == "audit"]
    assert audit["result"] == "refused", "nothing was written"


def test_a_cause_behind_a_long_name_is_found(scene: Scene) -> None:
    message = f'leases.coordination.k8s.io "{"x" * 253}" is forbidden: exceeded quota: team'
    scene.api.faults.add(Fault(method="POST", path="/leases", status=403, message=message))
    with pytest.raises(NotAdmittedYetError):
        scene.kube().create(LEASES, namespace=HOME, body={"metadata": {"name": "x"}}, reason=WHY)


@pytest.mark.parametrize(("status", "message"), [(row[0], row[1]) for row in ADVICE if row[2] is NotAdmittedYetError])
def test_a_quota_that_has_room_again_costs_a_push_nothing(scene: Scene, status: int, message: str) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(method="POST", path="/leases", status=status, message=message, times=2))
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [(status, message, error.exit) for status, message, error, advice in ADVICE if advice],
)
def test_the_step_ends_with_the_code_of_the_cause(scene: Scene, status: int, message: str, code: Exit) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(method="POST", path="/leases", status=status, message=message, times=0))
    assert scene.attempt(workflow) is code
