"""The three layouts of torch.save: where things lie, how much is asked for, what must agree."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from auditor.core.tensors import Span
from auditor.errors import ContentError, HeaderMalformed, LimitExceeded, UnsupportedFormat
from auditor.formats.pytorch import FRONT_BYTES
from auditor.formats.torch_zip import TAIL_BYTES
from spread_files import Pieces, bytes_of, size_of
from torch_files import (
    MAGIC,
    fed,
    members_of,
    read,
    saved,
    saved_legacy,
    saved_tar,
    shapes,
    tar_of,
)
from torch_pickles import Call, Name, Outside, Storage, Tensors, ordered, pickled, view
from zip_files import End, Member, zip_of

GIB = 1 << 30


def two_tensors() -> Any:
    t = Tensors()
    return ordered({"weight": t(3, 4), "bias": t(3, dtype="bfloat16")})


def many_tensors(count: int, elements: int = 4) -> Any:
    t = Tensors()
    return ordered({f"model.layers.{at}.mlp.gate_proj.weight": t(elements) for at in range(count)})


TWO = {"weight": ("F32", (3, 4)), "bias": ("BF16", (3,))}
SAVED = [pytest.param(saved, id="zip"), pytest.param(saved_legacy, id="legacy")]


# -- what is asked for


@pytest.mark.parametrize("save", SAVED)
def test_a_small_file_is_read_in_one_span(save: Callable[[Any], Pieces]) -> None:
    file = save(two_tensors())
    assert fed(file).spans == (Span(0, size_of(file)),)


def test_a_zip_archive_of_5_gb_costs_its_front_and_its_end() -> None:
    t = Tensors()
    file = saved(ordered({f"layers.{at}.weight": t(5_000_000) for at in range(250)}))
    got = fed(file)
    size = size_of(file)
    assert size > 5_000_000_000
    assert got.spans == (Span(0, FRONT_BYTES), Span(size - TAIL_BYTES, size))
    assert got.read_bytes == 262_144 + 65_557
    assert sum(tensor.elements for tensor in got.header.tensors) == 250 * 5_000_000


def test_a_long_pickle_and_a_long_directory_cost_a_span_each() -> None:
    file = saved(many_tensors(4_000, elements=312_500))
    got = fed(file)
    size = size_of(file)
    assert size > 5_000_000_000  # 4,000 x 1.25 MB
    assert len(got.spans) == 4
    assert got.read_bytes < 2_000_000
    assert len(got.header.tensors) == 4_000


def test_no_byte_is_asked_for_twice() -> None:
    spans = sorted(fed(saved(many_tensors(4_000, elements=312_500))).spans)
    assert all(span.end <= following.begin for span, following in pairwise(spans))


def test_an_old_file_of_5_gb_costs_its_front() -> None:
    t = Tensors()
    file = saved_legacy(ordered({f"layers.{at}.weight": t(5_000_000) for at in range(250)}))
    got = fed(file)
    assert size_of(file) > 5_000_000_000
    assert got.spans == (Span(0, FRONT_BYTES),)
    assert len(got.header.tensors) == 250


def test_pickles_of_an_old_file_past_its_front_are_asked_for_in_growing_pieces() -> None:
    got = fed(saved_legacy(many_tensors(4_000, elements=1_000)))
    assert got.spans == (Span(0, FRONT_BYTES), Span(FRONT_BYTES, 4 * FRONT_BYTES))
    assert len(got.header.tensors) == 4_000


# -- zip archives


def test_a_storage_of_more_than_4_gib_and_a_directory_past_it_are_in_zip64() -> None:
    t = Tensors()
    file = saved(ordered({"big": t(1_200_000_000), "small": t(2)}))  # 4.8 GB
    got = fed(file)
    assert shapes(got.header) == {"big": ("F32", (1_200_000_000,)), "small": ("F32", (2,))}
    assert [tensor.stored_bytes for tensor in got.header.tensors] == [4_800_000_000, 8]


def test_more_entries_than_16_bits_count_are_read() -> None:
    others = [Member(name=f"archive/extra/{at}", data=1) for at in range(66_000)]
    got = fed(zip_of([*members_of(two_tensors()), *others]))
    assert shapes(got.header) == TWO
    assert len(got.spans) == 3  # the front, the end, and the rest of 4 MB of directory


def test_an_archive_of_zip64_that_would_not_need_it_is_read() -> None:
    assert shapes(read(zip_of(members_of(two_tensors()), End(zip64=True)))) == TWO


def test_an_archive_that_python_wrote_is_read_whether_packed_or_not() -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for member in members_of(two_tensors()):
                archive.writestr(member.name, bytes_of((member.data,)))
        assert shapes(read(out.getvalue())) == TWO
        assert read(out.getvalue()).warnings == ()


def test_a_pickle_that_lies_behind_the_storages_is_found() -> None:
    first, *others = members_of(many_tensors(3, elements=200_000))
    file = zip_of([*others, first])
    assert len(fed(file).header.tensors) == 3
    assert len(fed(file).spans) == 2  # it lies within the end


def test_a_pickle_in_the_middle_of_a_large_file_costs_one_more_span() -> None:
    t = Tensors()
    value = ordered({"a": t(1_000_000), "b": t(1_000_000)})
    pickle_, order, a, b, version = members_of(value)
    got = fed(zip_of([a, pickle_, b, order, version]))
    assert len(got.spans) == 3
    assert got.read_bytes < 2_000_000
    assert len(got.header.tensors) == 2


def test_a_comment_may_hold_what_looks_like_the_end_of_another_directory() -> None:
    fake = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 46, 0, 0)
    assert shapes(read(zip_of(members_of(two_tensors()), End(comment=fake + b"behind")))) == TWO


def test_what_lies_behind_an_archive_is_told() -> None:
    header = read((*saved(two_tensors()), b"appended"))
    assert shapes(header) == TWO
    assert header.warnings == ("8 bytes lie behind the end of the archive",)


def test_big_endian_numbers_are_told() -> None:
    header = read(zip_of(members_of(two_tensors(), byteorder="big")))
    assert header.warnings == ("the numbers are stored with the high byte first",)
    assert shapes(header) == TWO


def test_a_checksum_that_does_not_fit_is_told() -> None:
    data = bytearray(bytes_of(saved(two_tensors())))
    at = data.index(b"weight")
    data[at : at + 6] = b"wright"
    assert read(bytes(data)).warnings == ("the checksum of data.pkl does not fit it",)


def test_a_storage_that_nothing_names_is_told_with_its_bytes() -> None:
    members = [*members_of(two_tensors()), Member(name="archive/data/7", data=100)]
    assert read(zip_of(members)).notes == (
        "left out, 100 bytes of storages that nothing names (1)",
    )


def test_tensors_are_placed_in_storages_that_lie_end_to_end_in_thought() -> None:
    header = read(saved(two_tensors()))
    assert header.data_begin is None
    assert [(t.begin, t.end) for t in header.tensors] == [(0, 48), (48, 54)]


def refused(file: Pieces | bytes, kind: type[ContentError] = HeaderMalformed) -> str:
    with pytest.raises(ContentError) as caught:
        read(file)
    assert type(caught.value) is kind
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    return caught.value.reason


def changed(at: int, **lies: Any) -> Pieces:
    """The archive of two tensors, one of whose entries lies."""
    members = members_of(two_tensors())
    members[at] = replace(members[at], **lies)
    return zip_of(members)


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"local_name": "archive/dada.pkl"}, "is not what the archive's directory says"),
        ({"name": "archive/data/0"}, "two entries of the archive have one name"),
        ({"place": 1}, "is not what the archive's directory says"),
        ({"place": 99}, "overlap"),
        ({"place": 500_000}, "overlaps the directory"),
        ({"place": 1 << 40}, "overlaps the directory"),
        ({"size_bytes": 7}, "has 7 bytes and is stored in"),
        ({"extra": b""}, ""),
        ({"size_bytes": 0xFFFFFFFF, "extra": b""}, "lacks the sizes of zip64"),
        ({"size_bytes": 0xFFFFFFFF, "extra": b"\1\0\4\0abcd"}, "lacks the sizes of zip64"),
        ({"method": 8}, "is not packed as it says"),
        ({"method": 8, "data": b"\x4b\x04\x00", "size_bytes": 9}, "is not of 9 bytes"),
        ({"data": b"cos\nsystem\n"}, "no whole pickle"),
        ({"data": b"\x80\x02\xff."}, "no sound pickle"),
        ({"data": b""}, "no whole pickle"),
    ],
)
def test_an_entry_that_lies_about_the_pickle_is_refused(lies: dict[str, Any], reason: str) -> None:
    if reason:
        assert reason in refused(changed(0, **lies))
    else:
        assert shapes(read(changed(0, **lies))) == TWO


@pytest.mark.parametrize(
    ("lies", "kind", "reason"),
    [
        ({"flags": 0x809}, UnsupportedFormat, "is encrypted"),
        ({"method": 99}, UnsupportedFormat, "is packed by method 99"),
        ({"size_bytes": 1 << 40}, LimitExceeded, "has 1,099,511,627,776 bytes"),
        ({"method": 8, "size_bytes": 200_000_000}, LimitExceeded, "at most 100,000,000 are read"),
        ({"name": "archive/data.txt"}, UnsupportedFormat, "no data.pkl among"),
        ({"name": "elsewhere/data.pkl"}, UnsupportedFormat, "no data.pkl"),
    ],
)
def test_a_pickle_that_cannot_be_had_is_refused(
    lies: dict[str, Any], kind: type[ContentError], reason: str
) -> None:
    members = members_of(two_tensors())
    file = zip_of([members[1], replace(members[0], **lies), *members[2:]])
    assert reason in refused(file, kind)


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"size_bytes": 44, "stored_bytes": 44}, "the storage `0` has 44 bytes and is to have 48"),
        ({"name": "archive/data/zero"}, "the archive lacks the storage `0`"),
        ({"stored_bytes": 1 << 33}, "overlap"),
        ({"stored_bytes": 40}, "has 48 bytes and is stored in 40"),
        ({"place": 0}, "overlap"),
    ],
)
def test_a_storage_that_is_not_as_the_pickle_says_is_refused(
    lies: dict[str, Any], reason: str
) -> None:
    assert reason in refused(changed(2, **lies))


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (End(entries=4), "5 entries in the directory; 4 are told of"),
        (End(entries=0), "5 entries in the directory; 0 are told of"),
        (End(entries=65_534), "65,534 entries do not fit"),
        (End(length=1), "it is not where the archive's end says"),
        (End(begin=0), "it is not where the archive's end says"),
        (End(begin=1 << 50), "it is not where the archive's end says"),
        (End(disk=1), "it is not where the archive's end says"),
        (End(zip64=True, locator_shift=8), "it is not where the archive's end says"),
        (End(zip64=True, locator_shift=1 << 60), "it is not where the archive's end says"),
        (End(zip64=True, entries=1 << 60), "entries"),
    ],
)
def test_an_end_that_lies_is_refused(end: End, reason: str) -> None:
    kind = LimitExceeded if end.entries == 1 << 60 else HeaderMalformed
    assert reason in refused(zip_of(members_of(two_tensors()), end), kind)


def test_a_directory_that_the_end_of_another_archive_tells_of_too_is_refused() -> None:
    """Two ends, each right behind a directory: readers differ in which of them they take."""
    inner = bytes_of(saved(two_tensors()))
    at = inner.index(b"PK\1\2")
    length = inner.index(b"PK\5\6") - at
    doubled = inner + inner[at:-22]
    doubled += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 5, 5, length, len(inner), 0)
    assert "there are several ends of it" in refused(doubled)


def test_an_archive_with_something_before_it_is_refused() -> None:
    """Its places are off: some readers shift them, and torch does not."""
    file = zip_of(members_of(two_tensors()), before=b"PK\3\4" + bytes(60))
    assert "it is not where the archive's end says" in refused(file)


def test_more_entries_than_anybody_has_are_refused_before_they_are_asked_for() -> None:
    end = End(zip64=True, entries=1_000_000, length=46_000_000, locator_shift=46_000_000)
    file = (b"PK\3\4", 46_000_000 - 4, *zip_of([], replace(end, begin=0)))
    assert "an archive of 1,000,000 entries" in refused(file, LimitExceeded)


def test_a_zip_bomb_is_opened_no_further_than_it_says() -> None:
    bomb = zlib.compress(b"]" * 50_000_000, 9, -15)
    assert "is not of 1,000 bytes" in refused(changed(0, method=8, data=bomb, size_bytes=1_000))


def test_an_archive_of_something_else_is_refused_by_its_entries() -> None:
    members = [Member(name="word/document.xml", data=9), Member(name="mimetype", data=3)]
    reason = refused(zip_of(members), UnsupportedFormat)
    assert "no data.pkl among `word/document.xml`, `mimetype`" in reason
    assert "no data.pkl among nothing" in refused(zip_of([]), UnsupportedFormat)


# -- old files


def test_an_old_file_tells_where_its_tensors_lie() -> None:
    file = saved_legacy(two_tensors())
    header = read(file)
    assert shapes(header) == TWO
    assert header.data_begin is not None
    # Before the elements of each storage lies their number, in eight bytes.
    assert [(t.begin, t.end) for t in header.tensors] == [(8, 56), (64, 70)]
    assert header.data_begin + 70 == size_of(file)


def test_an_old_file_keeps_its_storages_in_the_order_of_the_list() -> None:
    header = read(saved_legacy(two_tensors(), keys=["1", "0"][::-1]))
    assert [t.begin for t in header.tensors] == [8, 64]
    t = Tensors()
    value = ordered({"a": view(Storage("9", 2, "float32"), (2,)), "b": t(3)})  # sorted: 0, 9
    assert [tensor.begin for tensor in read(saved_legacy(value)).tensors] == [8 + 12 + 8, 8]


def test_a_view_of_a_part_of_a_storage_is_read_within_that_part() -> None:
    whole, part = Storage("0", 10, "float32"), Storage("0", 10, "float32", ("0v", 4, 6))
    header = read(saved_legacy({"whole": view(whole, (10,)), "part": view(part, (3,), offset=2)}))
    # Elements 6, 7 and 8 of the whole: within it.
    assert shapes(header) == {"whole": ("F32", (10,))}
    assert header.aliases == {"part": "whole"}
    assert "ends at byte 52 of the storage" in refused(
        saved_legacy({"past": view(part, (7,), offset=2)})  # (4 + 2 + 7) x 4 bytes
    )


def test_a_class_that_was_saved_with_its_source_is_known_by_its_name() -> None:
    source = Outside(("module", Name("torch.nn.modules.linear", "Linear"), "linear.py", "class L"))
    t = Tensors()
    parts = {"_parameters": ordered({"weight": t(3, 2)}), "_modules": ordered({})}
    header = read(saved_legacy(Call(source, state=parts, new=True)))
    assert shapes(header) == {"weight": ("F32", (3, 2))}
    assert "`torch.nn.modules.linear.Linear`" in header.warnings[0]


def test_an_old_file_of_a_big_endian_machine_is_told() -> None:
    header = read(saved_legacy(two_tensors(), little_endian=False))
    assert header.warnings == ("the numbers are stored with the high byte first",)


def test_what_follows_the_last_storage_is_a_gap() -> None:
    header = read((*saved_legacy(two_tensors()), b"more"))
    assert header.gaps == ("not known, what follows the last storage: 4 bytes",)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (["0"], "storages are named that are not in the file"),
        (["0", "0", "1"], "the storage `0` is listed twice"),
        (["0", "1", "2"], "the storage `2` is listed and belongs to nothing"),
    ],
)
def test_a_list_of_storages_that_does_not_fit_is_refused(keys: list[str], reason: str) -> None:
    assert reason in refused(saved_legacy(two_tensors(), keys=keys))


def test_an_old_file_of_another_version_is_refused() -> None:
    data = bytes_of(saved_legacy(two_tensors())).replace(pickled(1001), pickled(1002))
    assert "a version that torch never wrote" in refused(data)


@pytest.mark.parametrize("save", SAVED)
def test_a_file_cut_at_any_byte_is_refused(save: Callable[[Any], Pieces]) -> None:
    data = bytes_of(save(two_tensors()))
    for end in range(len(data)):
        refused(data[:end])


# -- tar archives


def old_tar(**options: Any) -> bytes:
    weight, bias = Storage("10", 12, "float32"), Storage("11", 3, "float64")
    tensors = {1: (weight, 0, (3, 4), (4, 1)), 2: (bias, 0, (3,), (1,)), 3: (weight, 4, (4,), (1,))}
    value = ordered({"weight": Outside("1"), "bias": Outside("2"), "row": Outside("3")})
    return saved_tar(value, tensors, **options)


def test_a_tar_archive_is_read_up_to_its_storages() -> None:
    header = read(old_tar())
    assert shapes(header) == {"weight": ("F32", (3, 4)), "bias": ("F64", (3,))}
    assert header.aliases == {"row": "weight"}
    assert header.gaps == ()


def test_a_tar_archive_whose_storages_are_parts_of_others_is_not_wholly_known() -> None:
    header = read(old_tar(storages=1))
    assert header.gaps == ("not known, which of its storages are parts of others",)


def test_a_tar_archive_of_something_else_is_refused() -> None:
    reason = refused(tar_of({"README": b"hello", "model": bytes(100)}), UnsupportedFormat)
    assert reason == "a tar archive that torch.save did not write, of `README`, `model`"


def test_a_tar_archive_cut_at_any_byte_is_refused() -> None:
    data = old_tar()
    for end in range(0, data.index(b"storages") + 512, 7):
        with pytest.raises(ContentError):
            read(data[:end])


@pytest.mark.parametrize(
    ("part", "data", "reason"),
    [
        ("pickle", b"\x80\2]", "no whole pickle"),
        ("tensors", pickled(-1), "a number of tensors that is none"),
        ("tensors", pickled(None), "a number of tensors that is none"),
        ("tensors", pickled(1), "no whole list of tensors"),
        ("tensors", pickled(1) + pickled((1, 2)), "without a key, a storage and a class"),
        ("tensors", pickled(1) + pickled((1, 2, 3)), "without a key, a storage and a class"),
        (
            "tensors",
            pickled(1) + pickled((1, 2, Name("torch", "FloatTensor"))) + struct.pack("<ii", 65, 0),
            "a tensor of 65 dimensions",
        ),
        (
            "tensors",
            pickled(1)
            + pickled((1, 2, Name("torch", "FloatTensor")))
            + struct.pack("<iiqqq", 1, 0, 1_000, 1, 0),
            "ends at byte 4,000 of the storage `2`, which has 8",
        ),
        (
            "tensors",
            pickled(1)
            + pickled((1, 2, Name("torch", "QUInt4x2Tensor")))
            + struct.pack("<iiqqq", 1, 0, 3, 1, 0),
            "a tensor that fills no whole bytes",
        ),
    ],
)
def test_a_tar_archive_of_broken_parts_is_refused(part: str, data: bytes, reason: str) -> None:
    parts = {"pickle": pickled({}), "tensors": pickled(0), "storages": pickled(0) + bytes(2)}
    assert len(parts["storages"]) == 8
    assert read(tar_of(parts)).tensors == ()
    assert reason in refused(tar_of(parts | {part: data}))


def told(file: bytes, member: bytes, size_bytes: int) -> bytes:
    """The tar archive `file`, the head of whose `member` tells another size."""
    begin = file.index(member)
    head = bytearray(file[begin : begin + 512])
    head[124:136] = b"%011o\0" % size_bytes
    head[148:156] = b" " * 8  # what the checksum is counted as, while it is counted
    head[148:156] = b"%06o\0 " % sum(head)
    return file[:begin] + bytes(head) + file[begin + 512 :]


def test_tensors_of_a_tar_archive_that_together_take_too_much_are_refused() -> None:
    storages = [Storage(str(key), 12, "float32") for key in (10, 11)]
    tensors = {key: (each, 0, (12,), (1,)) for key, each in enumerate(storages)}
    file = told(saved_tar({}, tensors), b"storages", 60)  # for 2 x 48 bytes
    assert "the tensors take more than the 60 bytes of storages" in refused(file)


def test_a_tar_archive_that_tells_of_gigabytes_is_refused_without_a_further_look() -> None:
    file = told(tar_of({"README": b"hello"}), b"README", 1 << 32)
    with pytest.raises(LimitExceeded):
        fed((file[:512], 1 << 33))


def test_a_member_of_a_tar_archive_with_a_broken_head_is_refused() -> None:
    file = bytearray(tar_of({"README": b"hello"}))
    file[150] ^= 1
    assert "no sound tar archive: bad checksum" in refused(bytes(file))


def test_old_files_with_a_broken_list_or_view_are_refused() -> None:
    data = bytes_of(saved_legacy(two_tensors()))
    assert "no list of the storages' keys" in refused(data.replace(pickled(["0", "1"]), pickled(7)))
    for view_ in ((1, 2), ("v", -1, 2), 7):
        part = Storage("0", 10, "float32", view_)  # type: ignore[arg-type]
        assert "a view of a storage that is none" in refused(saved_legacy([view(part, (1,))]))
    past = Storage("0", 10, "float32", ("v", 8, 3))
    assert "a view reaches past the end" in refused(saved_legacy([view(past, (1,))]))


# -- what is none of them


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", HeaderMalformed, "a git-lfs pointer"),
        (b"<!DOCTYPE html><html>", HeaderMalformed, "an HTML page"),
        (b'{"error":"Repository not found"}', HeaderMalformed, "JSON text"),
        (b"GGUF\3\0\0\0" + bytes(16), HeaderMalformed, "a GGUF file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(8), HeaderMalformed, "an HDF5 file"),
        (b"\x93NUMPY\1\0" + bytes(8), HeaderMalformed, "a NumPy array"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"a":{"dtype":"F32"', UnsupportedFormat, "a safetensors file"),
        (b"\x80\2\0\0\0\0\0\0" + b'{"a":{"dtype":"F32"', UnsupportedFormat, "a safetensors file"),
        (b"lmgg" + bytes(40), UnsupportedFormat, "a ggml file"),
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", UnsupportedFormat, "a model of fastText"),
        (b"\6\0\0\0\x0f\0TransformerSpec\0", UnsupportedFormat, "a model of CTranslate2"),
        (b"3000000 300\n</s> ", UnsupportedFormat, "word vectors"),
        (b"\x1f\x8b\x08\0", UnsupportedFormat, "a gzip archive"),
        (pickle.dumps({"a": 1}), UnsupportedFormat, "a pickle that torch.save did not write"),
        (pickle.dumps(MAGIC + 1), UnsupportedFormat, "a pickle that torch.save did not write"),
        (pickle.dumps(Fraction(1, 3)), UnsupportedFormat, "write, of `fractions.Fraction`"),
        (pickle.dumps({"a": 1}, 0), HeaderMalformed, "it begins like nothing that torch writes"),
        (bytes(100), HeaderMalformed, "it begins like nothing that torch writes"),
        (b"PK\5\6" + bytes(18), UnsupportedFormat, "no data.pkl among nothing"),
        (b"", HeaderMalformed, "0 bytes"),
    ],
)
def test_a_file_of_another_kind_is_refused_as_what_it_is(
    data: bytes, kind: type[ContentError], reason: str
) -> None:
    assert reason in refused(data, kind)


def test_a_large_pickle_of_another_kind_is_refused_by_its_front() -> None:
    file = pickle.dumps([Fraction(1, 3), bytes(1_000_000)])
    assert "write, of `fractions.Fraction`" in refused(file, UnsupportedFormat)
