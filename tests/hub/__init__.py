"""A Hub of one's own: a small server of the Hugging Face Hub's read protocol over real HTTP.

    with Hub([Repo("org/name", {"config.json": b"{}"})]) as hub:
        HfApi(endpoint=hub.endpoint).model_info("org/name")

It answers on two ports, the hub and its CDN, as huggingface_hub expects it of them. By hand:

    PYTHONPATH=tests python -m hub --port 8080
"""

from hub.access import Account
from hub.blobs import Lfs, Virtual
from hub.faults import Fault, Faults
from hub.limits import PLANS, UNLIMITED, Limits, Plan
from hub.log import Record
from hub.process import HubProcess
from hub.repos import Repo
from hub.server import Hub
from hub.world import Settings

__all__ = (
    "PLANS",
    "UNLIMITED",
    "Account",
    "Fault",
    "Faults",
    "Hub",
    "HubProcess",
    "Lfs",
    "Limits",
    "Plan",
    "Record",
    "Repo",
    "Settings",
    "Virtual",
)
