"""Layers that the library packs itself, counted from the file that safetensors writes of them."""

from pathlib import Path
from typing import Any

import pytest

from builders import read
from packings import count

pytestmark = pytest.mark.packers

OUT, WIDTH = 48, 96

# format: what the scheme says of weights, and the shape of the scales
FORMATS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "nvfp4-pack-quantized": (
        {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16},
        (OUT, WIDTH // 16),
    ),
    "mxfp4-pack-quantized": (
        {"num_bits": 4, "type": "float", "strategy": "group", "group_size": 32},
        (OUT, WIDTH // 32),
    ),
    "mxfp6-pack-quantized": (
        {"num_bits": 6, "type": "float", "strategy": "group", "group_size": 32},
        (OUT, WIDTH // 32),
    ),
    "mxfp8-quantized": (
        {"num_bits": 8, "type": "float", "strategy": "group", "group_size": 32},
        (OUT, WIDTH // 32),
    ),
    "float-quantized": ({"num_bits": 8, "type": "float", "strategy": "channel"}, (OUT, 1)),
    "int-quantized": ({"num_bits": 8, "type": "int", "strategy": "channel"}, (OUT, 1)),
    "naive-quantized": (
        {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32},
        (OUT, WIDTH // 32),
    ),
}


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_gives_the_layer_back(format_: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    compressors = pytest.importorskip("compressed_tensors.compressors")
    quantization = pytest.importorskip("compressed_tensors.quantization")
    save_file = pytest.importorskip("safetensors.torch").save_file

    weights, scale_shape = FORMATS[format_]
    more = {"scale_dtype": torch.uint8} if format_.startswith("mx") else {}
    scheme = quantization.QuantizationScheme(
        targets=["Linear"], weights=quantization.QuantizationArgs(**weights, **more)
    )
    layer = {
        "weight": torch.randn(OUT, WIDTH),
        "weight_scale": torch.full(scale_shape, 0.125),
    }
    if format_.startswith("nvfp4"):
        layer["weight_global_scale"] = torch.ones(1)
    try:
        compressor = compressors.BaseCompressor.get_value_from_registry(format_)
    except KeyError:
        pytest.skip("this release has no such format")
    stored = compressor.compress(layer, scheme)
    path = tmp_path / "model.safetensors"
    save_file({f"a.{key}": value.contiguous() for key, value in stored.items()}, path)
    header = {t.name: (t.dtype.name, t.shape) for t in read(path.read_bytes()).tensors}
    section = {
        "quant_method": "compressed-tensors",
        "format": format_,
        "config_groups": {"group_0": {"weights": weights}},
    }
    tally, _ = count(header, quantization=section)
    assert tally.total == OUT * WIDTH
    packed = header.get("a.weight_packed") or header["a.weight"]
    assert tally.auxiliary == tally.stored.elements - packed[1][0] * packed[1][1]
