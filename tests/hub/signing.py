"""Signed URLs of the CDN, each for one file and a limited time.

They have the parts and the length of CloudFront's: a policy, a signature and the id of the key,
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html
"""

import base64
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from hub.blobs import Blob
from hub.messages import Request

_SIGNATURE: Final = re.compile(r"(?:^|&)Signature=([^&]+)")
_SIGNATURE_BYTES: Final = 256  # as of RSA with 2048 bits
_FRESH: Final = 0.9  # a URL is handed out again while that much of its time is left


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUrl:
    """What a signature stands for. `expires` is in seconds of Unix time."""

    blob: Blob
    path: str
    name: str
    expires: float
    signature: str

    def write(self, endpoint: str) -> str:
        """The URL."""
        resource, expires = f"{endpoint}{self.path}", int(self.expires)
        policy = {"Resource": resource, "Condition": {"DateLessThan": {"EpochTime": expires}}}
        encoded = base64.urlsafe_b64encode(json.dumps({"Statement": [policy]}).encode()).decode()
        return (
            f"{resource}?response-content-disposition={quote(self.disposition)}&Expires={expires}"
            f"&Policy={encoded.rstrip('=')}&Signature={self.signature}&Key-Pair-Id=K2L8F4GPSG1IFC"
        )

    @property
    def disposition(self) -> str:
        """The header that tells a browser the name to save under."""
        name = quote(self.name)
        return f"inline; filename*=UTF-8''{name}; filename=\"{name}\";"


@dataclass(slots=True)
class Signer:
    """Signs URLs of the CDN at `endpoint`, and knows its own signatures again."""

    endpoint: str = ""
    _latest: dict[tuple[str, str], tuple[SignedUrl, str]] = field(default_factory=dict)
    _signed: dict[str, SignedUrl] = field(default_factory=dict)

    def url(self, path: str, name: str, blob: Blob, seconds: float) -> str:
        """The URL of `blob`, good for at least most of `seconds`."""
        known, now = self._latest.get((path, name)), time.time()
        if known and known[0].expires - now > _FRESH * seconds:
            return known[1]
        signature = secrets.token_urlsafe(_SIGNATURE_BYTES)
        signed = SignedUrl(
            blob=blob, path=path, name=name, expires=now + seconds, signature=signature
        )
        url = signed.write(self.endpoint)
        self._signed[signature] = signed
        self._latest[path, name] = signed, url
        return url

    def check(self, request: Request) -> SignedUrl | None:
        """What `request` has a valid signature for."""
        match = _SIGNATURE.search(request.query_string)
        signed = self._signed.get(match.group(1)) if match else None
        valid = signed and signed.path == request.path and time.time() < signed.expires
        return signed if valid else None
