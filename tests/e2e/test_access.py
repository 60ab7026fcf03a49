"""What the service accounts may do in a cluster that has everything in it, and which pods its namespaces admit.

The API server is asked about each verb on each resource in each namespace; what must be granted is read off the
rendered Roles, of which tests/unit/test_access.py shows that they are what the code uses.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pipelines.manifests.bundle import all_manifests
from pipelines.settings import example_settings
from tests.doubles.github import fail
from tests.e2e.support.pods import executions, step_pods
from tests.e2e.support.stage import Stage

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    ("", "configmaps"),
    ("", "events"),
    ("", "namespaces"),
    ("", "pods"),
    ("", "pods/exec"),
    ("", "pods/log"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "serviceaccounts/token"),
    ("agents.platform", "coderuns"),
    ("apps", "deployments"),
    ("argoproj.io", "cronworkflows"),
    ("argoproj.io", "eventsources"),
    ("argoproj.io", "sensors"),
    ("argoproj.io", "workflows"),
    ("argoproj.io", "workflowtaskresults"),
    ("argoproj.io", "workflowtemplates"),
    ("batch", "jobs"),
    ("coordination.k8s.io", "leases"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
)
Grant = tuple[str, str, str, str]
RENDERED = list(all_manifests(example_settings()))
ACCOUNTS = [
    (each["metadata"]["namespace"], each["metadata"]["name"]) for each in RENDERED if each["kind"] == "ServiceAccount"
]


def may(stage: Stage, account: str, home: str, grant: Grant, *, name: str = "") -> bool:
    """Whether an account may do something; the API server says."""
    namespace, group, resource, verb = grant
    resource, _, subresource = resource.partition("/")
    wanted = {"namespace": namespace, "group": group, "resource": resource, "verb": verb, "name": name}
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{home}", "system:authenticated"]
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{home}:{account}",
            "groups": groups,
            "resourceAttributes": wanted | {"subresource": subresource},
        },
    }
    answer = stage.client.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def granted_by_roles(account: str) -> dict[Grant, list[str]]:
    """What the rendered Roles grant an account, and to which objects of that kind (to all, if none is named)."""
    roles = {place(each): each for each in RENDERED if each["kind"] == "Role"}
    bound = [
        (each["metadata"]["namespace"], each["roleRef"]["name"])
        for each in RENDERED
        if each["kind"] == "RoleBinding" and account in {subject["name"] for subject in each["subjects"]}
    ]
    return {
        (key[0], group, resource, verb): list(rule.get("resourceNames", ()))
        for key in bound
        for rule in roles[key]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def place(manifest: dict[str, Any]) -> tuple[str, str]:
    """An object's namespace and name."""
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


@pytest.mark.parametrize(("home", "account"), ACCOUNTS)
def test_an_account_may_do_what_its_roles_say_and_nothing_else_anywhere(stage: Stage, home: str, account: str) -> None:
    spaces = stage.cluster.settings.namespaces
    everywhere = [spaces.workflows, spaces.agents[0], spaces.events, "argo", "default", "kube-system"]
    wanted = granted_by_roles(account)
    asked = {
        (namespace, group, resource, verb)
        for namespace, (group, resource), verb in itertools.product(everywhere, RESOURCES, VERBS)
    }
    assert wanted.keys() <= asked, "the table of resources lacks something"
    granted = {grant for grant in asked if may(stage, account, home, grant)}
    assert granted == {grant for grant, only in wanted.items() if not only}
    for grant, only in wanted.items():
        assert all(may(stage, account, home, grant, name=name) for name in only)


def test_a_pod_that_is_not_restricted_is_refused_where_the_steps_run(stage: Stage) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "any-"},
        "spec": {"containers": [{"name": "main", "image": "any"}]},
    }
    refused = stage.client.request("POST", f"/api/v1/namespaces/{stage.home}/pods", pod)
    assert refused.status == 403
    assert 'violates PodSecurity "restricted' in refused.body["message"]


def test_every_container_of_the_steps_pods_is_restricted_argos_own_too(stage: Stage) -> None:
    stage.github.fault(fail(401), method="GET", path="/pulls$")
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    ended = stage.finished(delivery)
    assert len(executions([ended])) == 1
    pods = step_pods(stage, ended["metadata"]["name"])
    assert len(pods) == 2, "that of the steps, and that of the exit hook"
    for pod in pods:
        admitted(stage, anew(pod))
        assert {each["name"] for each in containers(pod)} >= {"init", "wait", "main"}
        for container in containers(pod):
            context = container["securityContext"]
            assert (context["allowPrivilegeEscalation"], context["capabilities"], context["runAsNonRoot"]) == (
                False,
                {"drop": ["ALL"]},
                True,
            ), container["name"]


def test_the_sensors_pod_would_be_admitted_under_the_same_standard(stage: Stage) -> None:
    query = {"labelSelector": f"sensor-name={stage.cluster.settings.events.sensor}"}
    events = stage.cluster.settings.namespaces.events
    pods = stage.client.ask("GET", f"/api/v1/namespaces/{events}/pods", query=query)["items"]
    assert pods
    for pod in pods:
        made = anew(pod)
        # Accounts of another namespace are none of this one's.
        made["spec"] |= {"serviceAccountName": "default", "serviceAccount": "default"}
        admitted(stage, made)


def admitted(stage: Stage, pod: dict[str, Any]) -> None:
    """Check that the workflows' namespace would take a pod, without a word about its security."""
    reply = stage.client.request("POST", f"/api/v1/namespaces/{stage.home}/pods", pod, query={"dryRun": "All"})
    assert reply.status == 201, reply.text
    assert "PodSecurity" not in reply.headers.get("Warning", "")


def anew(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod as it would be created again."""
    spec = {name: value for name, value in pod["spec"].items() if name != "nodeName"}
    labels = pod["metadata"].get("labels", {})
    metadata = {"generateName": "again-", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers of a pod."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
