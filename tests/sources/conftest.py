"""What makes the tests of the sources quick."""

import ssl
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A file with one of this machine's certificate authorities; None if they cannot be listed."""
    listed = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not listed:
        return None
    file = tmp_path_factory.mktemp("certificates") / "one.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(listed[0]))
    return file


@pytest.fixture(autouse=True)
def _few_certificates(one_certificate: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each HTTP client of these tests 50 ms: it speaks to this machine alone."""
    if one_certificate:
        monkeypatch.setenv("SSL_CERT_FILE", str(one_certificate))
