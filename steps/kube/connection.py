"""The Kubernetes library as a Transport: its configuration, TLS and authentication, without its typed API classes.

Guarantees a time-out for every request and one attempt: the library's three silent retries would turn a time-out of one
second into four, and repeat writes. A pod connects to the API server directly: the library would use a proxy from the
environment, which a cluster may put into every pod.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException

from steps.core import BadInputError, UnavailableError, describe_network_error
from steps.kube.transport import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.kube.transport import Json


class KubernetesTransport:
    """Sends requests through the library's connection pool. Threads may share it."""

    def __init__(self, *, configuration: Configuration, advice: str = "") -> None:
        """Keep the configuration.

        Args:
            configuration: The library's configuration.
            advice: The fix if there is no answer.
        """
        configuration.retries = False
        self._advice = advice
        self._client = ApiClient(configuration)

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Send one request.

        Raises:
            UnavailableError: There was no connection, or no whole answer in time.
        """
        sent = dict(headers)
        self._client.update_params_for_auth(sent, [], ["BearerToken"], target, method, body)
        url = self._client.configuration.host + target
        try:
            answer = self._client.call_api(method, url, sent, body, _request_timeout=(timeout_s, timeout_s))
            content: bytes = answer.response.data
        except (urllib3.exceptions.HTTPError, ApiException) as error:
            # The library's text can quote the request; the kind of the network error says enough.
            raise UnavailableError(
                f"{method} {target.partition('?')[0]}: {describe_network_error(error)}{self._advice}"
            ) from error
        return Response(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=content or b"",
        )


def connect_kubernetes() -> KubernetesTransport:
    """Connect as the pod's service account, or as KUBECONFIG says outside a cluster.

    Raises:
        BadInputError: There is neither.
    """
    configuration, advice = Configuration(), ""
    try:
        if files := os.environ.get("KUBECONFIG"):
            # The file is named because the library keeps the value that KUBECONFIG had at its import.
            config.load_kube_config(config_file=files, client_configuration=configuration)  # type: ignore[no-untyped-call]
            server = urlsplit(configuration.host).netloc.rpartition("@")[2]
            advice = f" ({server}: is that the cluster you mean, by KUBECONFIG and its context, and can it be reached?)"
        else:
            configuration.proxy = None
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise BadInputError(f"no Kubernetes credentials: run in a pod, or set KUBECONFIG ({error})") from error
    return KubernetesTransport(configuration=configuration, advice=advice)
