"""A Kubernetes API server in memory, with the real one's rules; see `ApiServer`, `serve` and `Fault`."""

from tests.doubles.kubernetes.errors import ApiError
from tests.doubles.kubernetes.faults import Call, Fault
from tests.doubles.kubernetes.http import serve, write_kubeconfig
from tests.doubles.kubernetes.messages import ConnectionLostError, JsonObject, Request, Response, make_request
from tests.doubles.kubernetes.routes import Access
from tests.doubles.kubernetes.server import ApiServer
from tests.doubles.kubernetes.watching import Watch

__all__ = [
    "Access",
    "ApiError",
    "ApiServer",
    "Call",
    "ConnectionLostError",
    "Fault",
    "JsonObject",
    "Request",
    "Response",
    "Watch",
    "make_request",
    "serve",
    "write_kubeconfig",
]
