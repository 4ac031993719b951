"""Who asks: the user agent, and the token of this machine."""

import os
import sys
from typing import Final

from huggingface_hub import __version__ as hub_version
from huggingface_hub import constants
from huggingface_hub.errors import LocalTokenNotFoundError

from auditor.__about__ import __version__
from auditor.errors import BadToken

# NOTE: not that of `build_hf_headers`. For its own it asks the Hub which programs are AI agents,
# once a day, or on every run where it cannot write its cache: a blocking request of up to three
# seconds to HF_ENDPOINT that nobody asked for and that no proof would count.
USER_AGENT: Final = f"hfaudit/{__version__}; hf_hub/{hub_version}"

# huggingface_hub utils/_auth.py, get_token
_TOKEN_VARIABLES: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE")


def checked_token(token: str | bool | None) -> str | None:  # noqa: FBT001 - as huggingface_hub
    """The token to send, if any: as huggingface_hub chooses it. Raises BadToken."""
    if token is None and not _may_have_one():
        return None
    from huggingface_hub.utils import (  # type: ignore[attr-defined] # noqa: PLC0415
        get_token_to_send,
    )

    try:
        chosen = get_token_to_send(token)
    except LocalTokenNotFoundError as error:
        raise BadToken(
            "token",
            "one is wanted and none is stored here",
            hint="log in with `hf auth login` or set HF_TOKEN",
        ) from error
    if chosen and not (chosen.isascii() and chosen.isprintable() and " " not in chosen):
        # The client's own error would show it.
        raise BadToken("token", "has characters that no token has", hint="correct HF_TOKEN")
    return chosen or None


def _may_have_one() -> bool:
    """Whether huggingface_hub could find a token: in the environment, a file, a notebook's vault.

    NOTE: its own look-up imports a YAML parser and file locks, a tenth of the time of an audit, and
    most machines have no token.
    """
    return (
        any(os.environ.get(name) for name in _TOKEN_VARIABLES)
        or os.path.exists(constants.HF_TOKEN_PATH)  # noqa: PTH110 - a str
        or "google.colab" in sys.modules
    )
