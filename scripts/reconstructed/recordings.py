"""A model as if it had been recorded, held against every figure that is published of it."""

from collections.abc import Mapping
from itertools import groupby

from auditor.core.repository import HubFacts, Origin, RepoFile, Repository
from auditor.sources.contents import ZeroTailed
from auditor.sources.recording import Recording
from reconstructed.files import files
from reconstructed.model import Model


def recording(model: Model) -> Recording:
    """The model as if it had been recorded. Raises ValueError as `check` does."""
    weights, small = files(model)
    check(model, weights)
    sizes = {path: file.size_bytes for path, file in weights.items()} | dict(model.also_listed)
    listed = [
        *(RepoFile(path=path, size_bytes=len(data)) for path, data in small.items()),
        *(RepoFile(path=path, size_bytes=size, is_lfs=True) for path, size in sizes.items()),
    ]
    repository = Repository(
        repo_id=model.repo_id,
        requested=model.repo_id,
        revision="main",
        commit=None,
        origin=Origin.SNAPSHOT_RECONSTRUCTED,
        files=tuple(sorted(listed, key=lambda file: file.path)),
        hub=_hub_facts(model),
        note=note(model, weights),
    )
    return Recording(
        names=(model.repo_id, *model.aliases),
        revision="main",
        repository=repository,
        files=small,
        weights=weights,
    )


def check(model: Model, weights: Mapping[str, ZeroTailed]) -> None:
    """Raises ValueError where a published figure does not come out."""
    for figure in model.published:
        counted = sum(
            tensor.elements
            for path, tensor in model.tensors
            if path.startswith(figure.prefixes) and figure.without not in path
        )
        if counted != figure.elements:
            raise ValueError(
                f"{model.repo_id}: {counted:,}, {figure.elements:,} in {figure.source}"
            )
    for path, size_bytes in model.file_sizes.items():
        if weights[path].size_bytes != size_bytes:
            raise ValueError(f"{model.repo_id}: {path} of {weights[path].size_bytes:,} bytes")


def note(model: Model, weights: Mapping[str, ZeroTailed]) -> str:
    """On what the reconstruction stands, for a person."""
    agrees = ", ".join(
        f"{', '.join(f'{each.elements:,} {each.what}' for each in figures)} ({source})"
        for source, figures in groupby(model.published, key=lambda figure: figure.source)
    )
    of_all = model.file_sizes.keys() == weights.keys()
    which = "file sizes agree" if of_all else f"the size of {', '.join(model.file_sizes)} agrees"
    sizes = f"; {which} to the byte" if model.file_sizes else ""
    remark = f"; {model.remark}" if model.remark else ""
    return (
        f"{model.architecture} built from its published architecture, without weights or card;"
        f" agrees with {agrees}{sizes}{remark}"
    )


def _hub_facts(model: Model) -> HubFacts | None:
    """What the Hub says of the model, where a public source quotes it."""
    if not model.hub_says:
        return None
    parameters: dict[str, int] = {}
    for _, tensor in model.tensors:
        parameters[tensor.dtype] = parameters.get(tensor.dtype, 0) + tensor.elements
    return HubFacts(total=model.published[0].elements, parameters=parameters)
