"""The transport of the steps: urllib3's connection pool, with the API server's address and the credentials.

Guarantees a time-out and one attempt for every request, and that no redirect is followed: a repeated write could take
effect twice, and the API server redirects nothing that the steps use. The credentials are read anew for each request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from steps.core import UnavailableError, describe_network_error
from steps.kube.transport import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import PoolManager

    from steps.kube.transport import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesTransport:
    """Sends requests to one API server. Threads may share it.

    Attributes:
        host: Address of the API server, with its scheme.
        pool: Its connections, with TLS and the proxy.
        authorization: Returns the value of the header `Authorization`; empty to send none.
        advice: The fix if there is no answer.
    """

    host: str
    pool: PoolManager
    authorization: Callable[[], str]
    advice: str = ""

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Send one request.

        Raises:
            UnavailableError: There was no connection, or no whole answer in time.
        """
        credentials = self.authorization()
        try:
            answer = self.pool.request(
                method,
                self.host + target,
                headers=dict(headers) | ({"Authorization": credentials} if credentials else {}),
                body=None if body is None else json.dumps(body).encode(),
                timeout=Timeout(connect=timeout_s, read=timeout_s),
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            # The library's text can quote the request; the kind of the network error says enough.
            raise UnavailableError(
                f"{method} {target.partition('?')[0]}: {describe_network_error(error)}{self.advice}"
            ) from error
        return Response(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=answer.data,
        )
