"""The way to GitHub: whose certificates count, and through which proxy; and what is said when it is barred.

Guarantees that GitHub's certificate is always verified, that a pod goes the way that its settings name and no other
(what a cluster puts into every pod's environment changes nothing), and that no text of ours shows a proxy's password.
Nothing but GitHub is reached this way: the API server keeps its own certificates, and is never behind the proxy.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from steps.core import BadInputError, ForbiddenError, error_chain

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
    """How GitHub is reached.

    Attributes:
        bundle: File of the certificates that count; empty for the public ones.
        proxy: Its URL, with its password if it asks for one; empty for none.
        environment: A laptop's: as HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE say.
    """

    bundle: str = ""
    proxy: str = ""
    environment: bool = False

    @property
    def proxy_shown(self) -> str:
        """The proxy, as it may be told."""
        return f"the proxy {urlsplit(self.proxy).netloc.rpartition('@')[2]}" if self.proxy else "the proxy"

    def untrusted(self, whose: str, error: ssl.SSLCertVerificationError) -> str:
        """What is wrong with a certificate, and what to do about it.

        Args:
            whose: Who showed it.
            error: What OpenSSL says; its message names neither keys nor bodies.
        """
        return f"the certificate of {whose} cannot be verified ({error.verify_message}): {self._fix(error.verify_code)}"

    def _fix(self, code: int) -> str:
        if code in _TIME:
            return "renew it, or set the clock of this machine right"
        if code in _NAME:
            return "correct the address, or give the server a certificate for it"
        if self.environment:
            return f"set {CA_BUNDLE_VARIABLES[0]} to a file with the certificates of its CA, in PEM"
        if self.bundle:
            return "add the certificates of its CA to the ConfigMap that github.ca_config_map names"
        return "put the certificates of its CA, in PEM, into a ConfigMap, and set github.ca_config_map to its name"

    def refused(self, code: int) -> str:
        """What is wrong if the proxy refuses to connect to GitHub, and what to do about it."""
        fix = f"allow this way at the proxy, or correct {'HTTPS_PROXY' if self.environment else 'github.proxy'}"
        if code == 407:  # noqa: PLR2004 - HTTP
            own = "put them into HTTPS_PROXY"
            secret = f"put {PROXY_USERNAME} and {PROXY_PASSWORD} into the Secret of GitHub's credentials"
            fix = f"it asks for credentials: {own if self.environment else secret}"
        return f"{self.proxy_shown} refuses the way to GitHub ({code}): {fix}"


def pod_connection(settings: GitHubSettings) -> Connection:
    """The way that the settings name.

    Raises:
        BadInputError: The bundle is not there, or holds no certificate.
        ForbiddenError: Of the proxy's credentials only one is there.
    """
    return Connection(bundle=_bundle(settings), proxy=_proxy(settings))


def environment_connection(env: Mapping[str, str]) -> Connection:
    """The way that a laptop's environment names.

    Raises:
        BadInputError: It names a bundle that is not there.
    """
    for name in CA_BUNDLE_VARIABLES:
        if (path := env.get(name)) and not Path(path).exists():
            raise BadInputError(f"{name} names {path}, which is not there: correct it, or unset it")
    return Connection(environment=True)


def _bundle(settings: GitHubSettings) -> str:
    if not settings.ca_config_map:
        return ""
    path, what = Path(settings.ca_dir) / settings.ca_key, f"key {settings.ca_key} of ConfigMap {settings.ca_config_map}"
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInputError(f"github.ca_config_map: {what} is not there: create it, or correct the setting") from error
    if not is_ca_bundle(text):
        raise BadInputError(f"github.ca_config_map: {what} is no bundle of certificates in PEM: correct it")
    return str(path)


def is_ca_bundle(text: str) -> bool:
    """Whether there is a certificate in it, in PEM, and nothing that keeps OpenSSL from reading it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # Comments between certificates are names of CAs, in any language.
        context.load_verify_locations(cadata=text.encode("ascii", "replace").decode())
    except (ssl.SSLError, ValueError):
        return False
    return True


def _proxy(settings: GitHubSettings) -> str:
    """The proxy's URL, with what the Secret has for it."""
    found = {name: _text(Path(settings.credentials_dir) / name) for name in (PROXY_USERNAME, PROXY_PASSWORD)}
    missing = [name for name, text in found.items() if not text]
    if not settings.proxy or len(missing) == len(found):
        return settings.proxy
    if missing:
        raise ForbiddenError(f"the proxy's credentials in {settings.credentials_dir} lack {missing[0]}: add it")
    parts = urlsplit(settings.proxy)
    user, password = (quote(text, safe="") for text in found.values())
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc}"))


def _text(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""


def certificate_problem(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """OpenSSL's word that a certificate is not to be trusted, if that is what is behind an error."""
    return next((each for each in error_chain(error) if isinstance(each, ssl.SSLCertVerificationError)), None)


def proxy_refusal(error: BaseException) -> int | None:
    """The status with which a proxy refused to connect, if that is what is behind an error."""
    found = (_REFUSAL.search(str(each)) for each in error_chain(error) if type(each) is OSError)
    return next((int(match[1]) for match in found if match), None)
