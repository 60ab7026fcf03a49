"""The transport of the steps: urllib3's connection pool, with the API server's address and the credentials.

Guarantees a time-out and one attempt for every request, and that no redirect is followed: a repeated write could take
effect twice, and the API server redirects nothing that the steps use. The credentials are read anew for each request,
and no error shows them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from urllib3 import HTTPHeaderDict, Timeout
from urllib3.exceptions import HTTPError

from steps.core import BadInputError, UnavailableError, describe_network_error, is_header_value
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
        identity: Headers that name another identity; a name may come several times.
    """

    host: str
    pool: PoolManager
    authorization: Callable[[], str]
    advice: str = ""
    identity: tuple[tuple[str, str], ...] = ()

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Send one request.

        Raises:
            BadInputError: No header can carry the credentials, or no request the address.
            UnavailableError: There was no connection, or no whole answer in time.
        """
        credentials, content = self._credentials(), None if body is None else json.dumps(body).encode()
        sent = HTTPHeaderDict(dict(headers) | ({"Authorization": credentials} if credentials else {}))
        for name, value in self.identity:
            sent.add(name, value)
        try:
            answer = self.pool.request(
                method,
                self.host + target,
                headers=sent,
                body=content,
                timeout=Timeout(connect=timeout_s, read=timeout_s),
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            # The library's text can quote the request; the kind of the network error says enough.
            raise UnavailableError(
                f"{method} {target.partition('?')[0]}: {describe_network_error(error)}{self.advice}"
            ) from error
        except ValueError:
            # The text can quote a header.
            raise BadInputError(
                f"{method} {target.partition('?')[0]}: the request cannot be sent: correct the API server's address "
                "and the credentials"
            ) from None
        return Response(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=answer.data,
        )

    def _credentials(self) -> str:
        """Return the value of the header. A token in a file or in a block of YAML often ends with a newline."""
        scheme, _, credentials = self.authorization().strip().partition(" ")
        value = f"{scheme} {credentials.strip()}".strip()
        if is_header_value(value):
            return value
        raise BadInputError(
            "the credentials for the API server hold a character that no request can carry, such as a line break or a "
            "typographic quotation mark: correct the token of the kubeconfig's user (or what its exec plugin prints)"
        )
