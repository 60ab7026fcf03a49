"""Certificates for a control plane that lives for one test session.

Guarantees: every key is new, stays in the given folder and expires after a day, or did a minute ago if so wished.
"""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = dt.timedelta(days=1)
_SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key, by their paths."""

    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """What a server needs to show it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def write_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Make a key and write it."""
    key = ec.generate_private_key(ec.SECP256R1())
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return key


class Authority:
    """A certificate authority."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = write_key(folder / "ca.key")
        self._name = name("agent-cancellation-tests")
        self.certificate = folder / "ca.crt"
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        # Without these two Python 3.13 and later refuse it.
        builder = builder.add_extension(_SIGNS, critical=True)
        builder = builder.add_extension(self._identifier(), critical=False)
        self._write(builder, self.certificate)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, lifetime: dt.timedelta = LIFETIME
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + lifetime)
        )

    def _identifier(self) -> x509.SubjectKeyIdentifier:
        return x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())

    def _write(self, builder: x509.CertificateBuilder, path: Path) -> None:
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        common_name: str,
        *,
        organisation: str = "",
        file_name: str,
        addresses: tuple[str, ...] = (),
        lifetime: dt.timedelta = LIFETIME,
    ) -> Pair:
        """Issue a certificate for a client, or for a server on the loopback interface and other addresses."""
        pair = Pair(certificate=self._folder / f"{file_name}.crt", key=self._folder / f"{file_name}.key")
        key = write_key(pair.key)
        alternatives = [
            *(x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", *addresses)),
            x509.DNSName("localhost"),
            x509.DNSName("kubernetes.default.svc"),
        ]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = self._builder(name(common_name, organisation), key.public_key(), lifetime=lifetime)
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier())
        builder = builder.add_extension(issuer, critical=False)
        self._write(builder, pair.certificate)
        return pair


def name(common_name: str, organisation: str = "") -> x509.Name:
    """Return a distinguished name."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def signing_pair(folder: Path) -> Pair:
    """Make the key that signs service account tokens and the public key that checks them."""
    key = write_key(folder / "tokens.key")
    public = folder / "tokens.pub"
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return Pair(certificate=public, key=folder / "tokens.key")
