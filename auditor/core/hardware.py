"""Accelerators and their memory in bytes, as the driver shows it where that was published.

Makers write GB, mean 1024^3 bytes, and some of it is taken by error correction or does not work:
the sheet of an L4 says 24GB, its driver shows 23,034 MiB. An H100's 80GB are 81,559 MiB. Where no
reading was found, the maker's figure stands, in units of 1024^3. A size that is typed (`24GB`) is
taken as it is written, in units of 1000^3; `24GiB` in units of 1024^3.
"""

import re
from dataclasses import dataclass
from typing import Final

from auditor.core.sizes import GIBIBYTE, GIGABYTE
from auditor.errors import InvalidOption

MAX_DEVICES: Final = 100_000  # the largest clusters
_MAX_SIZE: Final = 1_000_000  # gigabytes of one device
_MAX_TEXT: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Memory that may be filled: `devices` of `device_bytes` each.

    `source` says where the figure is published, `caution` what a reader has to know beside it.
    """

    name: str
    device_bytes: int
    devices: int = 1
    source: str = ""
    caution: str = ""

    @property
    def total_bytes(self) -> int:
        return self.devices * self.device_bytes


_NVML: Final = "nvidia-smi, thundergolfer.com/blog/nvidia-gpu-memory-capacity"
_SMI: Final = "nvidia-smi, github.com/noonghunna/club-3090/issues/158"
_CUDA: Final = "CUDA's total of 178.35 GiB, github.com/pytorch/ao/pull/4002"
_ROCM: Final = "rocm-smi, github.com/ROCm/legacy-rocm-build/issues/4750"
_SHEET: Final = "the maker's data sheet"
_ROWS: Final = (
    # name, as the maker writes it, MiB, source
    ("a10", "24GB", 23_028, _NVML),
    ("a100", "80GB", 81_920, _NVML),
    ("a100-40gb", "40GB", 40_960, _NVML),
    ("a100-80gb", "80GB", 81_920, _NVML),
    ("a6000", "48GB", 48 * 1024, _SHEET),
    ("b200", "180GB", 182_630, _CUDA),
    ("h100", "80GB", 81_559, _NVML),
    ("h200", "141GB", 143_771, _NVML),
    ("l4", "24GB", 23_034, _NVML),
    ("l40s", "48GB", 46_068, _NVML),
    ("mi250x", "128GB", 128 * 1024, _SHEET),
    ("mi300x", "192GB", 196_592, _ROCM),
    ("rtx3090", "24GB", 24_576, _SMI),
    ("rtx4090", "24GB", 24 * 1024, _SHEET),
    ("rtx5090", "32GB", 32 * 1024, _SHEET),
    ("t4", "16GB", 15_360, _NVML),
    ("v100", "16GB", 16 * 1024, _SHEET),
    ("v100-32gb", "32GB", 32 * 1024, _SHEET),
)
_MEBIBYTE: Final = 1024**2
HARDWARE: Final = {
    name: Capacity(
        name=name, device_bytes=mebibytes * _MEBIBYTE, source=f"sold as {said}; {source}"
    )
    for name, said, mebibytes, source in _ROWS
}

_UNITS: Final = {"gb": GIGABYTE, "gib": GIBIBYTE, "tb": 1000 * GIGABYTE, "tib": 1024 * GIBIBYTE}
_SIZE: Final = re.compile(r"(?P<number>[0-9]{1,7})(?:\.(?P<part>[0-9]{1,3}))?(?P<unit>[gt]i?b)")
_UNIFIED: Final = re.compile(r"m[1-9](?:pro|max|ultra)?-(?P<number>[0-9]{1,4})gb")
_MAKER: Final = re.compile(r"^(?:nvidia|amd|geforce)-?")
_TIMES: Final = re.compile(r"(?:(?P<before>[0-9]{1,6})x)?(?P<what>.+?)(?:x(?P<after>[0-9]{1,6}))?")


def capacity_of(text: str) -> Capacity:
    """What `24GB`, `h100`, `h100x8`, `2x24GiB` or `m3max-64GB` stand for. Raises InvalidOption."""
    plain = re.sub(r"[\s_]", "", text[:_MAX_TEXT].lower())
    what, devices = _device(plain), 1  # NOTE: whole first: an rtx4090 is not 4,090 of something
    found = _TIMES.fullmatch(plain)
    if what is None and found is not None and not (found["before"] and found["after"]):
        what, devices = _device(found["what"]), int(found["before"] or found["after"] or 1)
    if what is None or not 0 < devices <= MAX_DEVICES or not what.device_bytes:
        raise _unknown(text)
    return Capacity(
        name=text[:_MAX_TEXT],
        device_bytes=what.device_bytes,
        devices=devices,
        source=what.source,
        caution=what.caution,
    )


def _device(text: str) -> Capacity | None:
    plain = _MAKER.sub("", text)
    known = HARDWARE.get(plain) or HARDWARE.get(plain.replace("-", ""))
    if known is not None:
        return known
    if unified := _UNIFIED.fullmatch(plain):
        caution = "unified memory, of which macOS by default lets the GPU have about three quarters"
        size_bytes = int(unified["number"]) * GIBIBYTE
        return Capacity(name=text, device_bytes=size_bytes, caution=caution)
    if size := _SIZE.fullmatch(plain):
        part = size["part"] or "0"
        thousandths = int(size["number"]) * 1000 + int(part.ljust(3, "0"))
        if thousandths > 1000 * _MAX_SIZE:
            return None
        return Capacity(name=text, device_bytes=thousandths * _UNITS[size["unit"]] // 1000)
    return None


def _unknown(text: str) -> InvalidOption:
    return InvalidOption(
        f"--fits {text[:40]}",
        "it is no size and no accelerator that is known",
        hint=f"a size as 24GB or 80GiB, or one of {', '.join(HARDWARE)}, also as h100x8",
    )
