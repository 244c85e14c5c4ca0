import ssl
import sys

import pytest

from operators.model.errors import ConfigError
from simulator.historical import certificate
from simulator.historical.certificate import Certificate, make_certificate


def shakes_hands(made: Certificate, name: str) -> bool:
    """Whether a client that trusts the authority alone accepts the server under `name`."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.certificate_file, made.key_file)
    client = ssl.create_default_context(cafile=str(made.ca_file))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    done: set[ssl.SSLObject] = set()
    for end in ends * 4:
        try:
            end.do_handshake()
            done.add(end)
        except ssl.SSLWantReadError:
            continue
    return len(done) == 2


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
@pytest.mark.parametrize("by", ["with_cryptography", "with_openssl"])
def test_a_client_that_trusts_the_authority_accepts_the_server(tmp_path, monkeypatch, by, name):
    if by == "with_openssl":
        monkeypatch.setitem(sys.modules, "cryptography", None)
    made = make_certificate(tmp_path)
    assert shakes_hands(made, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shakes_hands(made, "example.org")


@pytest.mark.parametrize("by", [certificate.with_cryptography, certificate.with_openssl])
def test_keys_are_private_and_the_authoritys_is_not_kept(tmp_path, monkeypatch, by):
    monkeypatch.setattr(certificate, "_maker", lambda: by)
    made = make_certificate(tmp_path)
    assert made.key_file.stat().st_mode & 0o077 == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"ca.pem", "server.pem", "server.key"}


def test_without_package_and_program_one_line_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setattr(certificate, "which", lambda name: None)
    with pytest.raises(ConfigError, match="package cryptography or the program openssl"):
        make_certificate(tmp_path)


def test_a_program_that_fails_is_quoted(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setattr(certificate, "NAMES", ("",))
    monkeypatch.setattr(certificate, "AUTHORITY_NAME", "\0")
    with pytest.raises((ConfigError, ValueError)):
        make_certificate(tmp_path)
    assert not (tmp_path / "ca.key").exists()
