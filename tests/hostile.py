"""Malformed and malicious safetensors files, made here, with what is to become of each.

The cases of the reference (safetensors/src/tensor.rs, attacks/, bindings/python/tests/), those of
huggingface.js (packages/hub/src/lib/parse-safetensors-metadata.spec.ts), and our own.
"""

from dataclasses import dataclass
from typing import Final

from auditor.errors import ContentError, HeaderMalformed, HeaderTooLarge, UnknownDtype

RUST: Final = "safetensors/src/tensor.rs"
ATTACKS: Final = "safetensors attacks/"
HUGGINGFACE_JS: Final = "huggingface.js parse-safetensors-metadata.spec.ts"
OWN: Final = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file. `reason` is in the message of the refusal; None where it is accepted.

    `differs` says why the reference judges otherwise; empty where it judges alike. `since` is the
    first version of the reference that knows the dtype.
    """

    name: str
    data: bytes
    reason: str | None
    source: str
    error: type[ContentError] = HeaderMalformed
    differs: str = ""
    since: tuple[int, int] = (0, 5)


def _file(header: str | bytes, data_bytes: int = 0, *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else header.encode()
    said = len(text) if length is None else length
    return said.to_bytes(8, "little") + text + bytes(data_bytes)


def _entry(
    shape: str = "[2,2]", offsets: str = "[0,16]", dtype: str = '"F32"', more: str = ""
) -> str:
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}{more}}}'


def _one(entry: str, data_bytes: int = 16, *, name: str = "a") -> bytes:
    return _file(f'{{"{name}":{entry}}}', data_bytes)


_T: Final = f'{{"t":{_entry()}}}'
_BYTES_OF_FAKE: Final = 2**31  # 65,536 x 65,536 elements of 4 bits


def _fake_16t() -> bytes:
    """Ten experts that agree with one another about 20 GB that are not there."""
    experts = (
        f'"model.experts.{at}.w":'
        + _entry("[65536,65536]", f"[{at * _BYTES_OF_FAKE},{(at + 1) * _BYTES_OF_FAKE}]", '"F4"')
        for at in range(10)
    )
    return _file("{" + ",".join(experts) + "}", 36)


def _accepted(
    name: str, data: bytes, source: str = RUST, *, since: tuple[int, int] = (0, 5)
) -> Case:
    return Case(name=name, data=data, reason=None, source=source, since=since)


def _refused(
    name: str,
    data: bytes,
    reason: str,
    source: str = OWN,
    *,
    error: type[ContentError] = HeaderMalformed,
) -> Case:
    return Case(name=name, data=data, reason=reason, source=source, error=error)


def _different(name: str, data: bytes, reason: str | None, differs: str) -> Case:
    return Case(name=name, data=data, reason=reason, source=OWN, differs=differs)


_SOUND: Final = (
    _accepted("plain", _file(_T, 16)),
    _accepted("no tensors, padded", _file("{}      ")),
    _accepted("only metadata", _file('{"__metadata__":{"framework":"pt"}}')),
    _accepted("a scalar", _one(_entry("[]", "[0,4]", '"I32"'), 4)),
    _accepted("a dimension of 0", _one(_entry("[2,0]", "[0,0]", '"I32"'), 0)),
    _accepted("white space behind", _file("{}\r \t\n")),
    _accepted("white space before", _file("\t {}\r ")),
    _accepted("two 4-bit elements", _one(_entry("[1,2]", "[0,1]", '"F4"'), 1), since=(0, 6)),
    _accepted("four 6-bit elements", _one(_entry("[4]", "[0,3]", '"F6_E3M2"'), 3), since=(0, 6)),
    _accepted("0 x 2^40", _one(_entry("[0,1099511627776]", "[0,0]"), 0), OWN),
    _accepted("0 x (2^64 - 1)", _one(_entry("[0,18446744073709551615]", "[0,0]"), 0), OWN),
    _accepted(
        "two empty tensors in one place",
        _file(f'{{"a":{_entry("[0]", "[0,0]")},"b":{_entry("[0]", "[0,0]")}}}'),
        OWN,
    ),
    _accepted(
        "a false total in the metadata",
        _file(f'{{"__metadata__":{{"total_parameters":"999000000000"}},"t":{_entry()}}}', 16),
        HUGGINGFACE_JS,
    ),
    _accepted("a name of no letters", _one(_entry(), name=""), OWN),
    _accepted(
        "a name that steers terminals",
        _one(_entry(), name=r"\u001b[31mred\u001b[0m\r\n\u202e"),
        OWN,
    ),
    _accepted("a name that is a path", _one(_entry(), name="../../etc/passwd"), OWN),
    _accepted("a name of markup", _one(_entry(), name="<script>alert(1)</script>|`x`"), OWN),
    _accepted("a name with NUL", _one(_entry(), name=r"a\u0000b"), OWN),
    _accepted("a name with DEL", _one(_entry(), name="a\x7fb"), OWN),
    _accepted("a whole surrogate pair", _one(_entry(), name=r"\ud83d\ude00"), OWN),
    _accepted("an escaped backslash before ud800", _one(_entry(), name=r"\\ud800"), OWN),
    _accepted("a name of 100,000 letters", _one(_entry(), name="x" * 100_000), OWN),
    _accepted("a dtype with an escape", _one(_entry(dtype=r'"F\u00332"')), OWN),
    _accepted(
        "not in the order of the data",
        _file(f'{{"b":{_entry(offsets="[16,32]")},"a":{_entry()}}}', 32),
    ),
    _accepted("a header of no multiple of 8", _file(_T + " ", 16), OWN),
    _accepted("an unknown key", _one(_entry(more=',"x":1')), OWN),
    _accepted("127 levels", _one(_entry(more=',"x":' + "[" * 125 + "]" * 125)), OWN),
    _accepted("metadata of null", _file(f'{{"__metadata__":null,"t":{_entry()}}}', 16), OWN),
    _accepted(
        "tensors named like keys",
        _file(
            f'{{"dtype":{_entry()},"shape":{_entry(offsets="[16,32]")}'
            f',"data_offsets":{_entry(offsets="[32,48]")}}}',
            48,
        ),
        OWN,
    ),
)

_LENGTH: Final = (
    _refused("0 bytes", b"", "0 bytes", RUST),
    _refused("7 bytes", bytes(7), "7 bytes"),
    _refused("a length and nothing else", _file("", length=60), "in a file of 8", RUST),
    _refused(
        "a length past the end",
        _file(_T, 16, length=1000),
        "header of 1,000 bytes in a file of",
        ATTACKS + "safetensors_abuse_attempt_1.py",
    ),
    _refused(
        "a length of 0xffffff000000003c",
        _file(_T, 16, length=0xFFFFFF000000003C),
        "header of 18,446,742,974,197,923,900 bytes",
        RUST,
        error=HeaderTooLarge,
    ),
    _refused(
        "a length of one byte too many",
        _file(_T, 16, length=100_000_001),
        "header of 100,000,001 bytes; the format allows 100,000,000",
        error=HeaderTooLarge,
    ),
    _refused(
        "a length of 2^64 - 1",
        _file(_T, 16, length=2**64 - 1),
        "header of 18,446,744,073,709,551,615 bytes",
        error=HeaderTooLarge,
    ),
    _refused("a length of 0", _file("", 16), "not JSON: expecting value at character 0"),
    _refused("a length that cuts the header", _file(_T, 16, length=20), "not JSON"),
    _refused("a length that takes in data", _file(_T, 16, length=len(_T) + 4), "extra data"),
)

_TEXT: Final = (
    _refused("not UTF-8", _file(b"\xff"), "not UTF-8 at byte 0", RUST),
    _refused("a surrogate in UTF-8", _file(b'{"\xed\xa0\x80":{}}'), "not UTF-8 at byte 2"),
    _refused("not JSON", _file("{"), "not JSON", RUST),
    _refused("a list", _file("[]"), "no object of entries"),
    _refused("null", _file("null"), "no object of entries"),
    _refused("an entry and no object of entries", _file(_entry(), 16), "no object of entries"),
    _refused("two values", _file("{}{}"), "extra data at character 2"),
    _refused("a comment", _file("{} // x"), "extra data at character 3"),
    _refused("NaN", _one(_entry("[NaN]", "[0,4]"), 4), "NaN for a number"),
    _refused("Infinity in an unknown key", _one(_entry(more=',"x":-Infinity')), "-Infinity"),
    _refused("a byte order mark", _file(b"\xef\xbb\xbf{}"), "BOM"),
    _refused("NULs for padding", _file("{}\0\0"), "extra data at character 2"),
    _refused("a no-break space", _file("\N{NO-BREAK SPACE}{}"), "not JSON"),
    _refused("a tabulator in a name", _one(_entry(), name="a\tb"), "invalid control character"),
    _refused("an escape that is none", _one(_entry(), name=r"\x41"), "escape"),
    _refused("half a surrogate pair", _one(_entry(), name=r"\ud800"), "half a surrogate pair"),
    _refused("the other half", _one(_entry(), name=r"x\uDC00"), "half a surrogate pair"),
    _refused("two first halves", _one(_entry(), name=r"\ud83d\ud83d"), "half a surrogate pair"),
    _refused("half a pair in an unknown key", _one(_entry(more=r',"x":"\ud800"')), "surrogate"),
    _refused(
        "5,000 lists in one another",
        _file('{"a":' + "[" * 5000 + "]" * 5000 + "}"),
        "nested too deeply",
    ),
    _refused("128 levels", _one(_entry(more=',"x":' + "[" * 126 + "]" * 126)), "nested too deeply"),
    _refused("5,000 digits", _one(_entry("[" + "9" * 5000 + "]"), 16), "too many digits"),
    _refused("past any double", _one(_entry(more=',"x":1e400')), "past the largest double"),
    _refused("a leading zero", _one(_entry("[04]"), 16), "not JSON"),
)

_ENTRIES: Final = (
    _refused("a number for an entry", _file('{"a":1}'), "the entry of `a` is no object"),
    _refused("null for an entry", _file('{"a":null}'), "the entry of `a` is no object"),
    _refused("an empty entry", _file('{"a":{}}'), "has no `dtype`"),
    _refused("no dtype", _file('{"a":{"shape":[2],"data_offsets":[0,8]}}', 8), "has no `dtype`"),
    _refused("no shape", _file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), "has no `shape`"),
    _refused("no offsets", _file('{"a":{"dtype":"F32","shape":[]}}', 4), "has no `data_offsets`"),
    _refused("a dtype of 5", _one(_entry(dtype="5")), "`dtype` is no string"),
    _refused("a shape of null", _one(_entry("null")), "`shape` is no list"),
    _refused("a shape of text", _one(_entry('"22"')), "`shape` is no list"),
    _refused("a shape of keys", _one(_entry("{}")), "`shape` is no list"),
    _refused("a dimension of 2.0", _one(_entry("[2.0,2]")), "`shape` is no list of whole"),
    _refused("a dimension of 1e0", _one(_entry("[1e0,4]")), "`shape` is no list of whole"),
    _refused("a dimension of true", _one(_entry("[true,4]")), "`shape` is no list of whole"),
    _refused("dimensions below 0", _one(_entry("[-2,-2]")), "no unsigned 64-bit number"),
    _refused("a dimension of 2^64", _one(_entry("[18446744073709551616]")), "no unsigned 64-bit"),
    _refused("three offsets", _one(_entry(offsets="[0,16,32]")), "not two whole numbers"),
    _refused("one offset", _one(_entry(offsets="[0]")), "not two whole numbers"),
    _refused("offsets of text", _one(_entry(offsets='["0","16"]')), "not two whole numbers"),
    _refused("offsets with a point", _one(_entry(offsets="[0.0,16.0]")), "not two whole numbers"),
    _refused("offsets of false", _one(_entry(offsets="[false,16]")), "not two whole numbers"),
    _refused("an offset below 0", _one(_entry(offsets="[-16,0]")), "no range of 64-bit numbers"),
    _refused(
        "an offset over 2^64",
        _one(_entry(offsets="[0,18446744073709551632]")),
        "is given over 2^64",
    ),
    _refused("an unknown dtype", _one(_entry("[1]", dtype='"F128"')), "`F128`", error=UnknownDtype),
    _refused("a dtype in small letters", _one(_entry(dtype='"f32"')), "`f32`", error=UnknownDtype),
    _refused(
        "a dtype of GGUF's",
        _one(_entry("[32]", "[0,18]", '"Q4_0"'), 18),
        "`Q4_0`",
        error=UnknownDtype,
    ),
    _refused(
        "a number in the metadata", _file('{"__metadata__":{"n":200}}'), "no object of strings"
    ),
    _refused(
        "an object in the metadata",
        _file('{"__metadata__":{"a":{"b":"c"}}}'),
        "no object of strings",
    ),
    _refused("metadata like a tensor", _file(f'{{"__metadata__":{_entry()}}}', 16), "no object of"),
)

_DIFFERENT: Final = (
    _different(
        "one tensor twice",
        _file(f'{{"a":{_entry()},"a":{_entry()}}}', 16),
        "the header has `a` more than once",
        "the README of the format disallows doubled keys; the reference keeps the last",
    ),
    _different(
        "one tensor twice, the first a lie",
        _file(f'{{"a":{_entry("[400,400]", "[0,640000]")},"a":{_entry()}}}', 16),
        "the header has `a` more than once",
        "readers that keep the first would see 160,000 elements, the reference sees 4",
    ),
    _different(
        "one key of the metadata twice",
        _file('{"__metadata__":{"a":"1","a":"2"}}'),
        "`__metadata__` has `a` more than once",
        "the README of the format disallows doubled keys; the reference keeps the last",
    ),
    _different(
        "one unknown key twice",
        _one(_entry(more=',"x":1,"x":2')),
        "the entry of `a` has `x` more than once",
        "the README of the format disallows doubled keys; the reference skips them",
    ),
    _different(
        "a list for an entry",
        _one('["F32",[2,2],[0,16]]'),
        "the entry of `a` is no object",
        "an accident of the reference's JSON library; the README has an object",
    ),
    _different(
        "a dtype in an object",
        _one(_entry(dtype='{"F32":null}')),
        "`dtype` is no string",
        "an accident of the reference's JSON library; the README has a string",
    ),
    _different(
        "minus zero",
        _one(_entry(offsets="[-0,16]")),
        None,
        "JSON's -0 is the whole number 0; the reference's JSON library makes it a fraction",
    ),
)

_DOUBLED: Final = (
    _refused("one field twice", _one(_entry(more=',"dtype":"F16"')), "has `dtype` more than once"),
    _refused(
        "metadata twice",
        _file(f'{{"__metadata__":{{"a":"1"}},"__metadata__":{{"b":"2"}},"t":{_entry()}}}', 16),
        "the header has `__metadata__` more than once",
    ),
)

_DATA: Final = (
    _refused(
        "ten tensors on the same bytes",
        _file("{" + ",".join(f'"w{at}":{_entry()}' for at in range(10)) + "}", 16),
        "`w1` overlaps the tensor before it, by 16 bytes",
        RUST + " and " + ATTACKS + "safetensors_abuse_attempt_2.py, _3.py",
    ),
    _refused(
        "a second inside the first",
        _file(f'{{"a":{_entry()},"b":{_entry(offsets="[8,24]")}}}', 24),
        "`b` overlaps the tensor before it, by 8 bytes",
    ),
    _refused(
        "a hole",
        _file(f'{{"a":{_entry()},"b":{_entry(offsets="[20,36]")}}}', 36),
        "4 bytes before `b` belong to no tensor",
    ),
    _refused("a first that begins at 4", _one(_entry(offsets="[4,20]"), 20), "4 bytes before `a`"),
    _refused("reversed offsets", _one(_entry(offsets="[16,0]")), "no range of 64-bit numbers"),
    _refused(
        "an overflow of the elements",
        _one(_entry("[2,18446744073709551614]", dtype='"I32"')),
        "the elements of `a` [2, 18446744073709551614] overflow 64 bits",
        RUST,
    ),
    _refused(
        "an overflow of the bits",
        _one(_entry("[2,9223372036854775807]", dtype='"I32"')),
        "the size of `a`",
        RUST,
    ),
    _refused(
        "2^64 bits and not one less",
        _one(_entry("[2305843009213693952]", "[0,2305843009213693952]", '"U8"')),
        "the size of `a` [2305843009213693952] overflows 64 bits",
    ),
    _refused(
        "an absurd shape of few bytes",
        _one(_entry("[4611686018427387904,4611686018427387904,4294967296]", "[0,4]"), 4),
        "overflow 64 bits",
        HUGGINGFACE_JS,
    ),
    _refused(
        "2^40 x 2^40 x 0",
        _one(_entry("[1099511627776,1099511627776,0]", "[0,0]"), 0),
        "the elements of `a` [1099511627776, 1099511627776, 0] overflow 64 bits",
    ),
    _refused(
        "three 4-bit elements",
        _one(_entry("[1,3]", "[0,2]", '"F4"'), 2),
        "3 elements of F4 do not fill whole bytes",
        RUST,
    ),
    _refused(
        "three 6-bit elements",
        _one(_entry("[3]", "[0,3]", '"F6_E2M3"'), 3),
        "3 elements of F6_E2M3 do not fill whole bytes",
    ),
    _refused(
        "one byte too many for 4 bits",
        _one(_entry("[1,2]", "[0,2]", '"F4"'), 2),
        "`a`, F4 [1, 2], takes 1 bytes and is given 2",
        RUST,
    ),
    _refused(
        "4 bytes for 16",
        _one(_entry(offsets="[0,4]"), 4),
        "`a`, F32 [2, 2], takes 16 bytes and is given 4",
        RUST,
    ),
    _refused(
        "something behind the data",
        _file(_T, 16) + b"extra_bogus_data_for_polyglot_file",
        "34 bytes after the last tensor belong to none",
        RUST,
    ),
    _refused("two bytes missing", _file(_T, 14), "2 bytes are missing", RUST),
    # 10 x 2^31 bytes are told of and 36 are there.
    _refused(
        "20 GB that are not there", _fake_16t(), "21,474,836,444 bytes are missing", HUGGINGFACE_JS
    ),
    _refused(
        "2^61 - 1 bytes that are not there",
        _one(_entry("[2305843009213693951]", "[0,2305843009213693951]", '"U8"')),
        "2,305,843,009,213,693,935 bytes are missing",
    ),
)

_FOREIGN: Final = (
    _refused(
        "a git-lfs pointer",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:68d45e\nsize 440449768\n",
        "a git-lfs pointer",
    ),
    _refused("an HTML page", b"\n<!DOCTYPE html><html>404</html>", "an HTML page"),
    _refused("an XML error", b'<?xml version="1.0"?><Error/>', "an XML document"),
    _refused("a JSON error", b'{"error":"Repository not found"}', "JSON text"),
    _refused("a short pickle", b"\x80\x02}q\0.", "a pickle"),
    _refused("a pickle", b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94.", "a pickle"),
    _refused("an old torch pickle", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a pickle"),
    _refused("a zip archive", b"PK\x03\x04\0\0\x08\x08" + bytes(22), "a zip archive"),
    _refused("a zip archive of version 0", b"PK\x03\x04" + bytes(26), "a zip archive"),
    _refused("a GGUF file", b"GGUF\x03\0\0\0" + bytes(16), "a GGUF file"),
    _refused("an HDF5 file", b"\x89HDF\r\n\x1a\n" + bytes(8), "an HDF5 file"),
    _refused("a NumPy array", b"\x93NUMPY\x01\0" + bytes(8), "a NumPy array"),
    _refused(
        "a broken header of 640 bytes, which begins like a pickle",
        _file("{" + " " * 639),
        "not JSON",
    ),
)

CASES: Final = (
    *_SOUND,
    *_LENGTH,
    *_TEXT,
    *_ENTRIES,
    *_DIFFERENT,
    *_DOUBLED,
    *_DATA,
    *_FOREIGN,
)
