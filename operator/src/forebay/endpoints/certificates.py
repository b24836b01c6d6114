"""A CA of our own and the certificate that it signs for the progress endpoint. Pure: times and hosts are told.

The CA is what running pods trust, so it stays for years; the certificate is renewed under it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_LIFE, _CA_LEFT = (
    timedelta(days=3650),
    timedelta(days=400),
)  # a certificate never outlives its CA
_LIFE, _LEFT = (
    timedelta(days=365),
    timedelta(days=30),
)  # made for; renewed when only so much is left
_BEFORE = timedelta(hours=1)  # clocks of nodes differ


@dataclass(frozen=True)
class Material:
    """All PEM. The keys are secrets: no log, no event, no object but one Secret holds them."""

    ca: str
    ca_key: str
    cert: str
    key: str

    def __repr__(self) -> str:
        """Without the keys."""
        return "Material(…)"


def renewed(old: Material | None, hosts: Collection[str], now: datetime) -> Material:
    """`old` if it serves `hosts` for long enough, else with a new certificate, or all new. ValueError: no PEM."""
    if old is None or not _ca_serves(old, now):
        return _with_certificate(_new_ca(now), hosts, now)
    return old if _serves(old, hosts, now) else _with_certificate(old, hosts, now)


def _ca_serves(found: Material, now: datetime) -> bool:
    ca, key = _certificate(found.ca), _key(found.ca_key)
    return now + _CA_LEFT < ca.not_valid_after_utc and ca.public_key() == key.public_key()


def _serves(found: Material, hosts: Collection[str], now: datetime) -> bool:
    cert, ca = _certificate(found.cert), _certificate(found.ca)
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        cert.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    fits = cert.public_key() == _key(found.key).public_key() and set(_names(hosts)) <= set(names)
    return fits and now + _LEFT < cert.not_valid_after_utc


def _new_ca(now: datetime) -> Material:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Forebay progress CA")])
    usage = _usage(key_cert_sign=True, crl_sign=True)
    cert = (
        _builder(name, name, key, now, _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Material(_pem(cert), _key_pem(key), "", "")


def _with_certificate(found: Material, hosts: Collection[str], now: datetime) -> Material:
    ca, ca_key = _certificate(found.ca), _key(found.ca_key)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Forebay progress")])
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    serving = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    cert = (
        _builder(name, ca.subject, key, now, _LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(serving, critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .add_extension(above, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return replace(found, cert=_pem(cert), key=_key_pem(key))


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


def _names(hosts: Collection[str]) -> list[x509.GeneralName]:
    return [_name(host) for host in sorted(hosts)]


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def _key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not a key of ours")  # noqa: TRY004 - as for any other text that is none
    return key


def _pem(cert: x509.Certificate) -> str:
    return cert.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
