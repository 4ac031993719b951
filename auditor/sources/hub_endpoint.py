"""Where a Hub is: its address, checked once, and what belongs to it. Imports nothing heavy."""

from typing import Final
from urllib.parse import urlsplit

from auditor.errors import InvalidOption

_PORTS: Final = {"http": 80, "https": 443}
_HINT: Final = "give the address of a Hub, such as https://huggingface.co"

Origin = tuple[str, str, int]  # scheme, host, port


def checked_endpoint(text: str) -> str:
    """`text` without white space around it and slashes behind it.

    Raises InvalidOption for what is no http(s) address with a host.
    """
    endpoint = text.strip().rstrip("/")
    try:
        url = urlsplit(endpoint)
        scheme, host, port = url.scheme, url.hostname, url.port
    except ValueError as error:
        raise InvalidOption("endpoint", f"{_shown(text)} is no URL: {error}", hint=_HINT) from error
    if scheme not in _PORTS or not host or port == 0 or not endpoint.isprintable():
        reason = "is no http or https URL with a host"
    elif " " in endpoint or "\\" in endpoint:
        reason = "has characters that no URL has"
    elif url.username is not None or url.password is not None:
        # Error messages and reports show the endpoint.
        raise InvalidOption(
            "endpoint", "has a user name in it", hint="give a token with HF_TOKEN instead"
        )
    elif url.query or url.fragment:
        reason = "has more behind its path"
    else:
        return endpoint
    raise InvalidOption("endpoint", f"{_shown(text)} {reason}", hint=_HINT)


def origin_of(url: str) -> Origin:
    """Scheme, host and port of `url`: what must be equal for a token to go there.

    Raises ValueError for what is no http(s) URL with a host.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{parts.scheme or 'nothing'} where http or https was expected")
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else f"{text[:79]}...")  # noqa: PLR2004 - a line
