"""Keys of a GitHub App, in PEM: its own pair, and the private key of a stranger."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def _pem(key: rsa.RSAPrivateKey) -> str:
    form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, bare).decode()


_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE, STRANGER = _pem(_KEY), _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
PUBLIC = (
    _KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
