"""A proxy, a portal or a login page answers in GitHub's place: the step names it, and stops and moves nothing."""

from __future__ import annotations

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome
from tests.doubles.github import answered
from tests.doubles.github.faults import Fault
from tests.doubles.kubernetes import Fault as KubernetesFault
from tests.support.harness import Scene
from tests.support.scenarios import UNTOUCHED, check_done, stale_push

FOREVER = 100
PAGE = "<html>Sign in</html>"
LOGIN = {"location": "https://login.example.com/"}
HTTPS = {"location": "https://127.0.0.1/repos/5dlabs/cto/pulls"}


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (answered(PAGE), Exit.TRY_AGAIN, "an HTML page came with status 200"),
        (answered(""), Exit.TRY_AGAIN, "an empty body came with status 200"),
        (answered('[{"number": 1,', kind="application/json"), Exit.TRY_AGAIN, "an incomplete JSON document"),
        (answered("{}", kind="application/json"), Exit.TRY_AGAIN, "an object came where a list belongs"),
        (answered(PAGE, status=302, headers=LOGIN), Exit.TRY_AGAIN, "redirected to login.example.com"),
        (answered("{}", status=301, headers=HTTPS), Exit.BAD_INPUT, "the server wants https"),
    ],
)
def test_a_foreign_answer_stops_no_run_and_is_named_in_the_record(
    scene: Scene, fault: Fault, code: Exit, said: str
) -> None:
    workflow = stale_push(scene)
    runs = scene.runs()
    scene.github.fault(fault, method="GET", path="/pulls$", times=FOREVER)
    assert scene.play(workflow) is code
    assert scene.runs() == runs
    assert said in scene.record().errors[-1]
    assert "github.api_url" in scene.record().errors[-1]


@pytest.mark.parametrize(("method", "added"), [("POST", set()), ("DELETE", {"remediation-in-progress"})])
@pytest.mark.parametrize(
    "fault",
    [answered(PAGE), answered(""), answered("{}", status=307, headers=LOGIN)],
    ids=["a page", "an empty body", "a redirect"],
)
def test_a_foreign_answer_to_a_label_is_never_a_moved_label(
    scene: Scene, method: str, added: set[str], fault: Fault
) -> None:
    workflow = stale_push(scene)
    scene.github.fault(fault, method=method, path="/labels", times=FOREVER)
    assert scene.play(workflow) is Exit.TRY_AGAIN
    assert scene.record().labels is LabelOutcome.PENDING
    assert set(scene.github.labels(1)) == UNTOUCHED | added


def test_a_foreign_answer_that_ends_in_time_costs_one_more_request(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.github.fault(answered(PAGE), method="GET", path="/pulls$")
    assert scene.play(workflow) is Exit.DONE
    check_done(scene)


@pytest.mark.parametrize("status", [400, 401, 403, 405, 408, 409, 410, 413, 422, 520])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/coderuns"), ("DELETE", "/coderuns/"), ("PUT", "/leases/")],
    ids=["the list of runs", "the delete of a run", "the write of the record"],
)
def test_a_page_in_front_of_the_api_server_costs_no_attempt(scene: Scene, status: int, method: str, path: str) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(KubernetesFault(method=method, path=path, status=status, body=PAGE.encode()))
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()
    check_done(scene)


@pytest.mark.parametrize("status", [400, 403, 409, 410, 413, 422])
@pytest.mark.parametrize(("method", "path"), [("GET", "/coderuns"), ("DELETE", "/coderuns/")])
def test_a_page_that_stays_in_front_of_the_api_server_is_named_and_tried_again(
    scene: Scene, status: int, method: str, path: str
) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(KubernetesFault(method=method, path=path, status=status, body=PAGE.encode(), times=0))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert f"an HTML page with status {status} came: check the address of the API server" in scene.record().errors[-1]
