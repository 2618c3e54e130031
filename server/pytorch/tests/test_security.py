"""Who can ask, over what, and that nothing listens to strangers by accident."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import ValidationError
from served import SECONDS, Served, blobs, client_options, raw_request, serving, settings, stub_of, vectors_of

from dupfind_server.inference import inference_pb2 as pb

TOKEN = "correct-horse-battery"
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED

CALLS: list[tuple[str, Any]] = [
    ("ServerLive", pb.ServerLiveRequest()),
    ("ServerReady", pb.ServerReadyRequest()),
    ("ServerMetadata", pb.ServerMetadataRequest()),
    ("ModelReady", pb.ModelReadyRequest(name="sim")),
    ("ModelMetadata", pb.ModelMetadataRequest(name="sim")),
    ("ModelConfig", pb.ModelConfigRequest(name="sim")),
    ("ModelStatistics", pb.ModelStatisticsRequest(name="sim")),
    ("RepositoryIndex", pb.RepositoryIndexRequest()),
    ("ModelInfer", raw_request(blobs(1))),
]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    with serving(token=TOKEN) as served:
        yield served


@pytest.mark.parametrize(("method", "request_"), CALLS, ids=[name for name, _ in CALLS])
@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param((), id="none"),
        pytest.param((("authorization", "Bearer wrong"),), id="wrong"),
        pytest.param((("authorization", TOKEN),), id="no scheme"),
        pytest.param((("authorization", f"Basic {TOKEN}"),), id="other scheme"),
        pytest.param((("authorization", f"Bearer {TOKEN}x"),), id="longer"),
        pytest.param((("authorization", "Bearer "),), id="empty"),
        pytest.param((("authorization", "Bearer wrong"), ("authorization", f"Bearer {TOKEN}")), id="two"),
    ],
)
def test_without_the_token_every_call_is_refused(guarded: Served, method: str, request_: Any, metadata: Any) -> None:
    error = getattr(guarded.stub, method).future(request_, metadata=metadata, timeout=SECONDS).exception()
    assert error.code() == UNAUTHENTICATED
    assert "authorization: Bearer TOKEN" in error.details()
    assert TOKEN not in error.details()


@pytest.mark.parametrize(("method", "request_"), CALLS, ids=[name for name, _ in CALLS])
def test_with_the_token_every_call_is_answered(guarded: Served, method: str, request_: Any) -> None:
    getattr(guarded.stub, method)(request_, metadata=(("authorization", f"Bearer {TOKEN}"),), timeout=SECONDS)


def test_a_large_message_without_token_is_refused_all_the_same(guarded: Served) -> None:
    code, _ = guarded.refused(raw_request(blobs(64)))
    assert code == UNAUTHENTICATED


def test_health_is_open(guarded: Served) -> None:
    stub: Any = health_pb2_grpc.HealthStub(guarded.channel)
    assert stub.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of its own for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dupfind test")])
    now = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def test_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    with serving(tls_cert=cert, tls_key=key, token=TOKEN) as served:
        code, _ = served.refused(raw_request(blobs(1)))  # in the clear
        assert code == grpc.StatusCode.UNAVAILABLE
        ours = grpc.ssl_channel_credentials(cert.read_bytes())
        with grpc.secure_channel(served.addresses.grpc, ours, options=client_options()) as channel:
            answer = stub_of(channel).ModelInfer(
                raw_request(blobs(3)), metadata=(("authorization", f"Bearer {TOKEN}"),), timeout=SECONDS
            )
            assert vectors_of(answer).shape == (3, 512)
            error = stub_of(channel).ModelInfer.future(raw_request(blobs(1)), timeout=SECONDS).exception()
            assert error.code() == UNAUTHENTICATED
        strangers = grpc.ssl_channel_credentials()  # who do not know the certificate
        with grpc.secure_channel(served.addresses.grpc, strangers, options=client_options()) as channel:
            error = stub_of(channel).ServerLive.future(pb.ServerLiveRequest(), timeout=SECONDS).exception()
            assert error.code() == grpc.StatusCode.UNAVAILABLE


CERT = {"tls_cert": "cert.pem", "tls_key": "key.pem"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "gpu.example.org"])
@pytest.mark.parametrize("given", [{}, CERT, {"token": TOKEN}], ids=["nothing", "TLS alone", "token alone"])
def test_listening_to_others_needs_tls_and_a_token(host: str, given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="needs TLS and a token"):
        settings(host=host, **given)
    settings(host=host, insecure=True, **given)
    settings(host=host, token=TOKEN, **CERT)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_neither(host: str) -> None:
    settings(host=host)


def test_the_token_is_never_shown() -> None:
    with_token = settings(token=TOKEN)
    assert TOKEN not in repr(with_token)
    assert TOKEN not in with_token.model_dump_json()
    with pytest.raises(ValidationError) as error:
        settings(token=TOKEN, port=-1)
    assert TOKEN not in str(error.value)
