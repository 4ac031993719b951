"""Shards joined are one checkpoint, and an index that says otherwise is found out."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from auditor.core.dtypes import DTYPES, Dtype
from auditor.core.findings import Finding, Severity
from auditor.core.tensors import Checkpoint, Tensor, WeightFile, check_index, join
from builders import Tensors, weight_file
from strategies import tensors

FIRST = "model-00001-of-00002.safetensors"
SECOND = "model-00002-of-00002.safetensors"
EMBEDDING = {"embed.weight": ("F32", (100, 4))}  # 400 elements, 1,600 bytes
HEAD = {"head.weight": ("BF16", (100, 4))}  # 400 elements, 800 bytes
MAP = {"embed.weight": FIRST, "head.weight": SECOND}


def checkpoint(first: Tensors = EMBEDDING, second: Tensors = HEAD) -> Checkpoint:
    joined, _ = join([weight_file(FIRST, first), weight_file(SECOND, second)])
    return joined


def check(
    weight_map: dict[str, str], total_size: object = None, of: Checkpoint | None = None
) -> tuple[Finding, ...]:
    metadata = {} if total_size is None else {"total_size": total_size}
    return check_index(weight_map, metadata, checkpoint() if of is None else of)


# -- joining


def test_a_checkpoint_counts_the_tensors_of_all_its_files() -> None:
    files = [weight_file(FIRST, EMBEDDING), weight_file(SECOND, HEAD)]
    joined, findings = join(files, component="unet")
    assert joined.files == tuple(files)
    assert [tensor.name for tensor in joined.tensors] == ["embed.weight", "head.weight"]
    assert (joined.stored_elements, joined.stored_bytes) == (800, 2_400)
    assert joined.component == "unet"
    assert findings == ()


def test_a_tensor_in_two_files_counts_once_and_is_found() -> None:
    joined, findings = join([weight_file(FIRST, EMBEDDING), weight_file(SECOND, EMBEDDING)])
    assert joined.stored_elements == 400
    (finding,) = findings
    assert (finding.code, finding.severity) == ("tensor-stored-twice", Severity.WARNING)
    assert "alike" in finding.message
    assert "unlike" not in finding.message
    assert f"`embed.weight` in `{FIRST}` and `{SECOND}`" in finding.message


def test_a_tensor_that_differs_in_a_second_file_counts_as_the_first_has_it() -> None:
    other = {"embed.weight": ("BF16", (100, 8))}
    joined, findings = join([weight_file(FIRST, EMBEDDING), weight_file(SECOND, other)])
    assert [tensor.shape for tensor in joined.tensors] == [(100, 4)]
    (finding,) = findings
    assert "unlike" in finding.message


def test_many_doubles_are_one_finding_with_three_examples_and_their_number() -> None:
    many: Tensors = {f"layer.{at}": ("F32", (2,)) for at in range(1_500)}
    _, (finding,) = join([weight_file(FIRST, many), weight_file(SECOND, many)])
    assert "(1,500)" in finding.message
    assert finding.message.count("`layer.") == 3
    assert finding.message.endswith("and 1,497 more")


def test_a_hostile_name_is_shortened_and_escaped_in_a_message() -> None:
    hostile: Tensors = {"\x1b[31m" + "x" * 100_000: ("F32", ())}
    _, (finding,) = join([weight_file(FIRST, hostile), weight_file(SECOND, hostile)])
    assert finding.message.isprintable()
    assert r"`\x1b[31mxxx" in finding.message
    assert len(finding.message) < 300


# -- an index held against the files


def test_an_index_that_agrees_is_no_finding() -> None:
    assert check(MAP, 2_400) == ()


def test_an_index_without_a_total_size_is_no_finding() -> None:
    assert check(MAP) == ()


def test_a_tensor_that_is_in_no_file_is_found() -> None:
    (finding,) = check({**MAP, "bias": FIRST, "norm": SECOND})
    assert finding == Finding(
        code="index-tensor-missing",
        severity=Severity.WARNING,
        message="tensors in the index and in no file (2): `bias`, `norm`",
    )


def test_a_tensor_that_the_index_does_not_name_is_found() -> None:
    (finding,) = check({"embed.weight": FIRST})
    assert finding.code == "index-tensor-extra"
    assert "(1): `head.weight`" in finding.message


def test_a_tensor_in_another_file_than_the_index_says_is_found() -> None:
    (finding,) = check({"embed.weight": SECOND, "head.weight": SECOND})
    assert finding.code == "index-tensor-elsewhere"
    assert "(1): `embed.weight`" in finding.message


def test_a_tensor_in_two_files_is_where_the_index_says_in_either() -> None:
    twice = checkpoint({**EMBEDDING, **HEAD}, HEAD)
    assert check(MAP, of=twice) == ()
    assert check({**MAP, "head.weight": FIRST}, of=twice) == ()


def test_a_shard_that_is_absent_is_an_error_and_hides_what_follows_from_it() -> None:
    third = "model-00003-of-00003.safetensors"
    (finding,) = check({**MAP, "norm": third, "bias": third}, 99_999)
    assert finding == Finding(
        code="index-shard-missing",
        severity=Severity.ERROR,
        message=f"shards named by the index and absent (1): `{third}`",
    )


def test_a_total_size_that_nothing_explains_is_a_warning_with_both_numbers() -> None:
    (finding,) = check(MAP, 3_397)
    assert finding == Finding(
        code="index-total-size",
        severity=Severity.WARNING,
        message="the index's `total_size` is 3,397, the tensors have 2,400 bytes (+997)",
    )


def test_a_total_size_of_whole_files_is_explained() -> None:
    files = checkpoint().files
    (finding,) = check(MAP, sum(file.header.size_bytes for file in files))
    assert finding.severity is Severity.NOTICE
    assert finding.message.endswith("it is the size of the files, headers included")


def test_a_total_size_of_elements_is_explained() -> None:
    (finding,) = check(MAP, 800)
    assert finding.message.endswith("(-1,600): it is the number of elements")


def test_a_total_size_of_another_dtype_is_explained() -> None:
    (finding,) = check(MAP, 3_200)  # 800 elements in F32
    assert finding.message.endswith("it is four bytes for each element")


def test_a_total_size_that_counts_doubles_twice_is_explained() -> None:
    (finding,) = check(MAP, 4_000, of=checkpoint(EMBEDDING, {**EMBEDDING, **HEAD}))  # 2,400 + 1,600
    assert finding.message.endswith("it counts twice what is stored twice")


def test_a_total_size_without_what_the_index_leaves_out_is_explained() -> None:
    extra, size = check({"embed.weight": FIRST}, 1_600)
    assert extra.code == "index-tensor-extra"
    assert size.message.endswith("it leaves out the tensors that are not in the index")


def test_a_total_size_with_a_tied_copy_is_explained_by_its_tensor() -> None:
    (finding,) = check(MAP, 4_000)  # 2,400 + 1,600
    assert finding.message.endswith("(+1,600): it counts `embed.weight` twice")


def test_a_total_size_that_is_no_number_of_bytes_is_found() -> None:
    for absurd in ("2400", 2400.5, True, -1, 10**400, [2400]):
        (finding,) = check(MAP, absurd)
        assert finding.message == "the index's `total_size` is no number of bytes"


# -- laws


def named(file: WeightFile, prefix: str) -> WeightFile:
    """`file` with names of its own, so that two files share none."""
    tensors = {
        f"{prefix}.{tensor.name}": (tensor.dtype.name, tensor.shape)
        for tensor in file.header.tensors
    }
    return weight_file(f"{prefix}.safetensors", tensors)


FILES = tensors().map(lambda stored: weight_file(FIRST, stored))


@given(st.lists(FILES, max_size=4))
def test_joining_shards_one_by_one_is_joining_the_whole(files: list[WeightFile]) -> None:
    own = [named(file, str(at)) for at, file in enumerate(files)]
    whole, findings = join(own)
    parts = [join([file])[0] for file in own]
    assert whole.stored_bytes == sum(part.stored_bytes for part in parts)
    assert whole.stored_elements == sum(part.stored_elements for part in parts)
    assert whole.tensors == tuple(tensor for part in parts for tensor in part.tensors)
    assert findings == ()


@given(st.lists(FILES, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_files_without_doubles_changes_no_count(
    files: list[WeightFile], random: Random
) -> None:
    own = [named(file, str(at)) for at, file in enumerate(files)]
    whole, _ = join(own)
    random.shuffle(own)
    shuffled, _ = join(own)
    assert sorted(whole.tensors, key=by_name) == sorted(shuffled.tensors, key=by_name)
    assert whole.stored_bytes == shuffled.stored_bytes


def by_name(tensor: Tensor) -> str:
    return tensor.name


@given(st.lists(FILES, max_size=4))
def test_no_name_is_counted_twice_and_every_double_is_found(files: list[WeightFile]) -> None:
    joined, findings = join(files)
    names = [tensor.name for tensor in joined.tensors]
    assert len(names) == len(set(names))
    stored = [tensor.name for file in files for tensor in file.header.tensors]
    assert set(stored) == set(names)
    assert bool(findings) == (len(stored) > len(names))


@given(st.sampled_from(list(DTYPES.values())), st.integers(0, 10**15), st.integers(0, 10**15))
def test_bytes_of_whole_blocks_add_up(dtype: Dtype, first: int, second: int) -> None:
    a, b = first * dtype.block_elements, second * dtype.block_elements
    assert dtype.bytes_for(a + b) == dtype.bytes_for(a) + dtype.bytes_for(b)
    assert dtype.bytes_for(a) == first * dtype.block_bytes
