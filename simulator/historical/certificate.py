"""A throw-away authority and a certificate for loopback, made when a server starts.

The unmodified client speaks HTTPS alone and trusts what `REQUESTS_CA_BUNDLE` names. Made by the
package `cryptography` where it is installed, else by the program `openssl`. The authority's key
is never kept: nobody can sign anything else with it.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from shutil import which
from typing import Final

from operators.model.errors import ConfigError

DAYS: Final = 30
"""A certificate lives as long as its server, and never longer than this."""
AUTHORITY_NAME: Final = "ifd simulated historical endpoint"
NAMES: Final = ("localhost",)
ADDRESSES: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a server."""

    ca_file: Path
    """PEM of the authority: what a client is told to trust."""
    certificate_file: Path
    key_file: Path
    """Readable by its owner alone."""


def make_certificate(folder: Path) -> Certificate:
    """Write the three files into `folder`, which exists.

    Raises:
        ConfigError: neither `cryptography` nor `openssl` is there, or openssl fails.
    """
    made = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    made.key_file.touch(mode=0o600)
    _maker()(made)
    return made


def _maker() -> Callable[[Certificate], None]:
    try:
        import cryptography  # noqa: F401 - asked whether it is there
    except ImportError:
        return with_openssl
    return with_cryptography


def with_cryptography(made: Certificate) -> None:
    """By the package: P-256 keys, the authority first."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def unsigned(name: str, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(AUTHORITY_NAME))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=DAYS))
        )

    authority = (
        unsigned(AUTHORITY_NAME, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    alternatives += [x509.IPAddress(ip_address(address)) for address in ADDRESSES]
    server = (
        unsigned(NAMES[0], server_key.public_key())
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    made.ca_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.certificate_file.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    made.key_file.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def with_openssl(made: Certificate) -> None:
    """By the program, with a configuration of its own: the system's may say anything."""
    program = which("openssl")
    if program is None:
        needs = "expected the package cryptography or the program openssl, found neither"
        raise ConfigError(f"historical endpoint: {needs}; install one of them")
    folder = made.ca_file.parent
    config, authority_key = folder / "openssl.cnf", folder / "ca.key"
    config.write_text("[req]\ndistinguished_name = name\nprompt = no\n[name]\n")
    authority_key.touch(mode=0o600)
    common = ["req", "-x509", "-config", str(config), "-nodes", "-days", str(DAYS)]
    common += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = [f"DNS:{name}" for name in NAMES] + [f"IP:{address}" for address in ADDRESSES]
    authority = ["-subj", f"/CN={AUTHORITY_NAME}", "-addext", "basicConstraints=critical,CA:TRUE"]
    authority += ["-keyout", str(authority_key), "-out", str(made.ca_file)]
    server = ["-subj", f"/CN={NAMES[0]}", "-addext", f"subjectAltName={','.join(names)}"]
    server += ["-CA", str(made.ca_file), "-CAkey", str(authority_key)]
    server += ["-keyout", str(made.key_file), "-out", str(made.certificate_file)]
    try:
        for words in (authority, server):
            done = subprocess.run(
                [program, *common, *words], check=False, capture_output=True, text=True, timeout=60
            )
            if done.returncode != 0:
                said = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
                raise ConfigError(f"historical endpoint: openssl made no certificate: {said}")
    finally:
        authority_key.unlink(missing_ok=True)
        config.unlink(missing_ok=True)
