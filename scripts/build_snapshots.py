"""Rebuilds the snapshots that are shipped in auditor/data.

    python scripts/build_snapshots.py            # writes auditor/data/reconstructed.snapshot.gz
    python scripts/build_snapshots.py --check    # only says whether it is what would be written

Each model is reconstructed from what is published of it: the names of its tensors by the tables in
reconstructed/ (transformers' and diffusers' module trees, as checkpoints are saved from them),
their shapes by the hyperparameters of its config, its headers as the safetensors writer lays them
out. No weights are in it, no text of a card, no commit. Whatever total is published must come out
to the last element, or nothing is written.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from reconstructed import MODELS
from reconstructed.recordings import recording

from auditor.sources.recording import Provenance, Snapshot
from auditor.sources.snapshot_file import inflate, pack

TARGET: Final = Path(__file__).parents[1] / "auditor" / "data" / "reconstructed.snapshot.gz"


def build() -> bytes:
    """The bytes of the shipped snapshot."""
    return pack(
        Snapshot(
            provenance=Provenance.RECONSTRUCTED,
            models=tuple(recording(model) for model in MODELS),
        )
    )


def main() -> int:
    """0 where the shipped snapshot is, or has been made, what the tables say."""
    parser = argparse.ArgumentParser(description="Rebuild the shipped snapshots.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare only")
    only_check = parser.parse_args().check
    built = build()
    if not only_check:
        TARGET.write_bytes(built)
        print(f"{TARGET}: {len(built):,} bytes, {len(MODELS)} models")
        return 0
    shipped = inflate(TARGET.read_bytes(), subject=TARGET.name)
    same = shipped == inflate(built, subject="rebuilt")
    print(f"{TARGET}: {'as built' if same else 'differs; run without --check'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
