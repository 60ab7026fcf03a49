"""The API server double: requests in, answers out, one lock around everything.

Guarantees: `handle` is a pure function of the store, the clock, the uids and the plan of faults; it is safe to call
from many threads; with `api.blocking_watches = False` it never waits, so a simulation can drive it on its own clock.
Not guaranteed: admission, priority and fairness, server-side apply, OpenAPI.

Authorisation is off until `api.authorize` is set to a callable that gets an `Access`. A user is the bearer token, or
who `api.users` says that token is; calls without a token are `system:admin`, who may do everything.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.doubles.kubernetes import discovery
from tests.doubles.kubernetes.collector import Collector
from tests.doubles.kubernetes.convenience import Convenience
from tests.doubles.kubernetes.errors import ApiError, Subject
from tests.doubles.kubernetes.faults import Call, FaultPlan
from tests.doubles.kubernetes.messages import ConnectionLostError, Request, Response, answer
from tests.doubles.kubernetes.operations import Operations, parsed
from tests.doubles.kubernetes.registry import Registry
from tests.doubles.kubernetes.resources import BUILT_IN, Resource, from_definition
from tests.doubles.kubernetes.routes import VERBS, Access, Target, matches, parse
from tests.doubles.kubernetes.store import Store
from tests.doubles.kubernetes.watching import Watch

ADMIN = "system:admin"
MAX_BODY = 3 * 1024 * 1024
DEFAULT_WATCH_S = 1800.0
NO_PAGE = Response(status=404, body=b"404 page not found\n", headers={"Content-Type": "text/plain; charset=utf-8"})
CRD_KEY = ("apiextensions.k8s.io", "customresourcedefinitions")


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


def random_uid() -> str:
    """Return a new uid."""
    return str(uuid.uuid4())


class ApiServer(Convenience):
    """A Kubernetes API server in memory."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        new_uid: Callable[[], str] = random_uid,
        sleep: Callable[[float], None] = time.sleep,
        namespaces: tuple[str, ...] = ("default", "kube-system"),
    ) -> None:
        self.store = Store()
        self.faults = FaultPlan()
        self.calls: list[Call] = []
        self.users: dict[str, str] = {}
        self.authorize: Callable[[Access], bool] | None = None
        self.auto_collect = True
        self.blocking_watches = True
        self._clock = clock
        self._sleep = sleep
        self._arrived = 0
        registry = Registry(store=self.store, clock=clock, new_uid=new_uid)
        self._collector = Collector(registry=registry, find_kind=self.find_kind, namespaces=lambda: BUILT_IN[0])
        self._operations = Operations(registry=registry)
        self._custom: dict[tuple[str, str, str], Resource] = {}
        for name in namespaces:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    @property
    def resources(self) -> list[Resource]:
        """Return everything that is served."""
        return [*BUILT_IN, *self._custom.values()]

    def find_kind(self, api_version: str, kind: str) -> Resource | None:
        """Find a resource as manifests and owner references name it."""
        return next((each for each in self.resources if (each.api_version, each.kind) == (api_version, kind)), None)

    def handle(self, request: Request) -> Response:
        """Answer one client's request: record it, apply the planned faults, then the request itself.

        Raises:
            ConnectionLostError: A fault took the request or the reply away.
        """
        with self.store.lock:
            self._arrived += 1
            sequence = self._arrived
        hits = self.faults.take(request)
        if delay := sum(fault.delay_s for fault in hits):
            self._sleep(delay)
        for fault in hits:
            if fault.before:
                fault.before(request)
        if any(fault.lose == "request" for fault in hits):
            self._record(sequence, request, status=0)
            raise ConnectionLostError("connection reset by peer")
        refusal = next((found for fault in hits if (found := fault.response())), None)
        response = refusal or self.respond(request)
        if ahead_s := sum(fault.ahead_s for fault in hits):
            date = format_datetime(self._clock() + timedelta(seconds=ahead_s), usegmt=True)
            response = replace(response, headers={**response.headers, "Date": date})
        lost = any(fault.lose == "reply" for fault in hits)
        self._record(sequence, request, status=0 if lost else response.status)
        for fault in hits:
            if fault.after:
                fault.after(request)
        if lost:
            raise ConnectionLostError("connection reset by peer")
        return response

    def _record(self, sequence: int, request: Request, *, status: int) -> None:
        call = Call(
            sequence=sequence,
            at=self._clock(),
            method=request.method,
            path=request.path,
            query=dict(request.query),
            body=parsed(request, strict=False),
            status=status,
            user_agent=request.header("User-Agent"),
        )
        with self.store.lock:
            self.calls.append(call)

    def respond(self, request: Request) -> Response:
        """Answer a request without recording it and without faults."""
        try:
            return self._respond(request)
        except ApiError as error:
            return error.response()

    def _respond(self, request: Request) -> Response:
        if len(request.body) > MAX_BODY:
            raise ApiError(code=413, message=f"Request entity too large: limit is {MAX_BODY}")
        if request.path in discovery.HEALTH:
            return Response(status=200, body=b"ok", headers={"Content-Type": "text/plain; charset=utf-8"})
        with self.store.lock:
            if (found := discovery.document(request.path, self.resources)) is not None:
                return answer(status=200, body=found)
            target = parse(request.path)
            resource = next((each for each in self.resources if target and matches(each, target)), None)
            if target is None or not any(each.group == target.group for each in self.resources):
                return NO_PAGE
            if resource is None:
                raise ApiError(code=404, message="the server could not find the requested resource", details={})
            if request.method not in VERBS:
                raise ApiError(code=405, message="the server does not allow this method on the requested resource")
            self._check_access(target, target.access(request, user=self._user(request)))
            if resource.key == ("", "namespaces") and target.name:
                target = replace(target, namespace="")
            if request.method == "GET" and not target.name and request.flag("watch"):
                return self._watch(request, resource, target)
            response = self._operations.run(request, resource, target)
            if request.method != "GET":
                self._after_write(resource)
            return response

    def _after_write(self, resource: Resource) -> None:
        if self.auto_collect:
            self._collector.collect()
        if resource.key == CRD_KEY:
            definitions = self.store.items(resource)
            served = [each for crd in definitions for each in from_definition(crd)]
            self._custom = {(*each.key, each.version): each for each in served}

    def _user(self, request: Request) -> str:
        scheme, _, token = request.header("Authorization").partition(" ")
        return self.users.get(token, token) if scheme == "Bearer" and token else ADMIN

    def _check_access(self, target: Target, access: Access) -> None:
        if self.authorize is None or access.user == ADMIN or self.authorize(access):
            return
        subject = Subject(group=target.group, plural=target.plural, kind="", name=target.name)
        slashed = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
        where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        name = f' "{target.name}"' if target.name else ""
        said = f'User "{access.user}" cannot {access.verb} resource "{slashed}" in API group "{target.group}" {where}'
        details = {key: value for key, value in subject.details().items() if value}
        raise ApiError(code=403, message=f"{subject.qualified}{name} is forbidden: {said}", details=details)

    def _watch(self, request: Request, resource: Resource, target: Target) -> Response:
        selection = self._operations.selection(request, resource, target)
        watch = Watch(store=self.store, selection=selection, version=request.query.get("resourceVersion", ""))
        seconds = float(request.query.get("timeoutSeconds") or DEFAULT_WATCH_S) if self.blocking_watches else 0.0
        return Response(status=200, stream=watch.lines(seconds=seconds))

    def watch(self, request: Request) -> Watch:
        """Return a watch to poll by hand."""
        target = parse(request.path)
        resource = next(each for each in self.resources if target and matches(each, target))
        assert target is not None
        selection = self._operations.selection(request, resource, target)
        return Watch(store=self.store, selection=selection, version=request.query.get("resourceVersion", ""))

    def collect_garbage(self) -> None:
        """Let the garbage collector do everything that is due."""
        with self.store.lock:
            self._collector.collect()

    def compact(self) -> None:
        """Forget all history: old watches and continue tokens expire."""
        with self.store.lock:
            self.store.compact()
