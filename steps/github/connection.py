"""The connection to GitHub: its certificates, its proxy, and the errors of both.

Guarantees that GitHub's certificate is always verified, that a pod uses only the proxy and certificates of its settings
(variables in its environment change nothing), and that no error shows a proxy's password. The connection applies to
GitHub alone: the API server has its own certificates, and is never behind the proxy.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from steps.core import BadInputError, ForbiddenError, error_chain
from steps.github.secret_files import NOT_UTF8, read_secret_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.settings import GitHubSettings

CA_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXY_USERNAME, PROXY_PASSWORD = "proxy-username", "proxy-password"
_REFUSAL = re.compile(r"Tunnel connection failed: (403|405|407)\b")
# Numbers of OpenSSL's X509_V_ERR_*.
_TIME = (9, 10)
_NAME = (62, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The certificates and the proxy for GitHub.

    Attributes:
        bundle: File of the trusted certificates; empty for the public ones.
        proxy: URL of the proxy, with its credentials; empty for none.
        environment: Whether HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE apply, as on a laptop.
    """

    bundle: str = ""
    proxy: str = ""
    environment: bool = False

    @property
    def proxy_shown(self) -> str:
        """The proxy without its credentials, for errors."""
        return f"the proxy {urlsplit(self.proxy).netloc.rpartition('@')[2]}" if self.proxy else "the proxy"

    @property
    def proxy_source(self) -> str:
        """What names the proxy, for errors."""
        return "HTTPS_PROXY" if self.environment else "github.proxy"

    def untrusted(self, whose: str, error: ssl.SSLCertVerificationError) -> str:
        """Return the text for a certificate that cannot be verified: the problem and the fix.

        Args:
            whose: The server that sent the certificate.
            error: OpenSSL's error; its message names neither keys nor bodies.
        """
        return f"the certificate of {whose} cannot be verified ({error.verify_message}): {self._fix(error.verify_code)}"

    def _fix(self, code: int) -> str:
        if code in _TIME:
            return "renew it, or correct the clock of this machine"
        if code in _NAME:
            return "correct the address, or give the server a certificate for it"
        if self.environment:
            return f"set {CA_BUNDLE_VARIABLES[0]} to a file with the certificates of its CA, in PEM"
        if self.bundle:
            return "add the certificates of its CA to the ConfigMap that github.ca_config_map names"
        return "put the certificates of its CA, in PEM, into a ConfigMap, and set github.ca_config_map to its name"

    def refused(self, code: int) -> str:
        """Return the text for a proxy that refuses to connect to GitHub: the problem and the fix."""
        fix = f"allow this connection at the proxy, or correct {self.proxy_source}"
        if code == 407:  # noqa: PLR2004 - HTTP
            own = "put them into HTTPS_PROXY"
            secret = f"put {PROXY_USERNAME} and {PROXY_PASSWORD} into the Secret of GitHub's credentials"
            fix = f"it asks for credentials: {own if self.environment else secret}"
        return f"{self.proxy_shown} refuses to connect to GitHub ({code}): {fix}"


def pod_connection(settings: GitHubSettings) -> Connection:
    """Return the connection that the settings name.

    Raises:
        BadInputError: The bundle is missing, or holds no certificate.
        ForbiddenError: The proxy's user name or password is missing, or not text.
    """
    return Connection(bundle=_bundle(settings), proxy=_proxy(settings))


def environment_connection(env: Mapping[str, str]) -> Connection:
    """Return the connection that a laptop's environment names.

    Raises:
        BadInputError: The environment names a bundle that does not exist.
    """
    for name in CA_BUNDLE_VARIABLES:
        if (path := env.get(name)) and not Path(path).exists():
            raise BadInputError(f"{name} names {path}, which does not exist: correct it, or unset it")
    return Connection(environment=True)


def _bundle(settings: GitHubSettings) -> str:
    if not settings.ca_config_map:
        return ""
    path, what = Path(settings.ca_dir) / settings.ca_key, f"key {settings.ca_key} of ConfigMap {settings.ca_config_map}"
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInputError(f"github.ca_config_map: {what} is missing: create it, or correct the setting") from error
    if not is_ca_bundle(text):
        raise BadInputError(f"github.ca_config_map: {what} is not a bundle of certificates in PEM: correct it")
    return str(path)


def is_ca_bundle(text: str) -> bool:
    """Whether a text holds certificates in PEM that OpenSSL can read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # Bundles have comments between the certificates: the names of CAs, in any language.
        context.load_verify_locations(cadata=text.encode("ascii", "replace").decode())
    except (ssl.SSLError, ValueError):
        return False
    return True


def _proxy(settings: GitHubSettings) -> str:
    """Return the proxy's URL with the credentials of the Secret."""
    paths = {name: Path(settings.credentials_dir) / name for name in (PROXY_USERNAME, PROXY_PASSWORD)}
    found = {name: read_secret_file(path) if path.is_file() else "" for name, path in paths.items()}
    missing = [name for name, text in found.items() if not text]
    if not settings.proxy or len(missing) == len(found):
        return settings.proxy
    if missing:
        raise ForbiddenError(f"the proxy's credentials in {settings.credentials_dir} lack {missing[0]}: add it")
    for name, text in found.items():
        if NOT_UTF8 in text:
            raise ForbiddenError(
                f"{name} in {settings.credentials_dir} is not UTF-8: write it again, as plain text (PowerShell's > "
                "writes UTF-16)"
            )
    parts = urlsplit(settings.proxy)
    user, password = (quote(text, safe="") for text in found.values())
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc}"))


def certificate_problem(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return OpenSSL's error about a certificate, if it is in the chain of an error."""
    return next((each for each in error_chain(error) if isinstance(each, ssl.SSLCertVerificationError)), None)


def proxy_refusal(error: BaseException) -> int | None:
    """Return the status with which a proxy refused to connect, if it is in the chain of an error."""
    found = (_REFUSAL.search(str(each)) for each in error_chain(error) if type(each) is OSError)
    return next((int(match[1]) for match in found if match), None)
