"""The endpoint's certificate: made once, kept, renewed under the same CA, made anew where it does not fit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from forebay.endpoints.certificates import renewed

NOW = datetime(2026, 1, 31, tzinfo=UTC)
HOSTS = {"forebay-progress.forebay.svc", "10.0.0.7"}


@pytest.fixture(scope="module")
def made():
    return renewed(None, HOSTS, NOW)


def read(pem):
    return x509.load_pem_x509_certificate(pem.encode())


def test_it_names_its_hosts_and_is_signed_by_its_ca(made):
    cert = read(made.cert)
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["forebay-progress.forebay.svc"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
    cert.verify_directly_issued_by(read(made.ca))


def test_it_is_kept_while_it_lasts(made):
    assert renewed(made, HOSTS, NOW + timedelta(days=300)) == made


def test_it_is_renewed_under_the_same_ca_before_it_ends(made):
    later = renewed(made, HOSTS, NOW + timedelta(days=340))
    assert (later.ca, later.ca_key) == (made.ca, made.ca_key)
    assert read(later.cert).not_valid_after_utc > NOW + timedelta(days=700)


def test_a_certificate_never_outlives_its_ca(made):
    for day in range(0, 3650, 90):
        now = NOW + timedelta(days=day)
        found = renewed(made, HOSTS, now)
        assert read(found.cert).not_valid_after_utc < read(found.ca).not_valid_after_utc


def test_the_ca_is_replaced_before_it_ends(made):
    assert renewed(made, HOSTS, NOW + timedelta(days=3300)).ca != made.ca


def test_another_host_needs_another_certificate_not_another_ca(made):
    moved = renewed(made, {"other.forebay.svc"}, NOW)
    assert moved.ca == made.ca
    assert moved.cert != made.cert


def test_a_certificate_of_another_ca_or_key_is_not_used(made):
    other = renewed(None, HOSTS, NOW)
    mixed = replace(made, cert=other.cert, key=other.key)
    assert renewed(mixed, HOSTS, NOW).ca == made.ca
    assert renewed(mixed, HOSTS, NOW).cert not in (made.cert, other.cert)
    assert renewed(replace(made, key=other.key), HOSTS, NOW).key not in (made.key, other.key)
    assert renewed(replace(made, ca_key=other.ca_key), HOSTS, NOW).ca != made.ca


def test_what_is_no_pem_is_said(made):
    with pytest.raises(ValueError):
        renewed(replace(made, cert="-----BEGIN nonsense"), HOSTS, NOW)


def test_the_keys_are_not_shown_by_accident(made):
    assert "PRIVATE" not in repr(made)
