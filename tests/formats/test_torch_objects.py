"""What a checkpoint's object says: names, dtypes, and what stands for a tensor or may."""

from math import prod
from typing import Any

import pytest

from auditor.core.tensors import Header, Use
from auditor.errors import ContentError, HeaderMalformed, LimitExceeded, UnknownDtype
from auditor.formats import torch_names, torch_objects
from torch_files import members_of, read, saved, saved_legacy, shapes
from torch_pickles import (
    STORAGES,
    Call,
    Name,
    Outside,
    Storage,
    Tensors,
    module,
    ordered,
    parameter,
    pickled,
    view,
    view_as,
)
from zip_files import Member, zip_of


def header(value: Any) -> Header:
    """The header of `value`, alike in both layouts but for where the tensors lie."""
    new, old = read(saved(value)), read(saved_legacy(value))
    assert shapes(new) == shapes(old)
    assert (new.aliases, new.notes, new.gaps) == (old.aliases, old.notes, old.gaps)
    assert (new.warnings, new.purposes) == (old.warnings, old.purposes)
    return new


def refused(value: Any, kind: type[ContentError] = HeaderMalformed) -> str:
    with pytest.raises(ContentError) as caught:
        read(saved(value))
    assert type(caught.value) is kind
    assert len(str(caught.value)) < 400
    return caught.value.reason


# -- dtypes

NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
    "complex64": "C64",
    "complex128": "C128",
    "qint8": "QI8",
}
UNTYPED = {
    "float8_e4m3fn": ("F8_E4M3", 1),
    "float8_e5m2": ("F8_E5M2", 1),
    "float8_e4m3fnuz": ("F8_E4M3FNUZ", 1),
    "float8_e5m2fnuz": ("F8_E5M2FNUZ", 1),
    "float8_e8m0fnu": ("F8_E8M0", 1),
    "uint16": ("U16", 2),
    "uint32": ("U32", 4),
    "uint64": ("U64", 8),
    "complex32": ("C32", 4),
    "bits8": ("U8", 1),
}


@pytest.mark.parametrize("dtype", NAMES)
def test_the_class_of_a_storage_gives_the_dtype(dtype: str) -> None:
    got = header({"w": Tensors()(3, 4, dtype=dtype)})
    assert shapes(got) == {"w": (NAMES[dtype], (3, 4))}
    assert got.tensors[0].stored_bytes == 12 * STORAGES[dtype][1]


@pytest.mark.parametrize("dtype", UNTYPED)
def test_a_dtype_without_a_class_of_storages_is_named_by_the_tensor(dtype: str) -> None:
    name, bytes_each = UNTYPED[dtype]
    got = header({"w": view_as(dtype, Storage("0", 12 * bytes_each), (3, 4))})
    assert shapes(got) == {"w": (name, (3, 4))}
    assert got.tensors[0].stored_bytes == 12 * bytes_each


def test_pairs_of_4_bit_floats_are_counted_as_floats() -> None:
    """As safetensors has them: torch's [3, 4] are bytes of two each."""
    got = header({"w": view_as("float4_e2m1fn_x2", Storage("0", 12), (3, 4))})
    assert shapes(got) == {"w": ("F4", (3, 8))}
    assert (got.tensors[0].elements, got.tensors[0].stored_bytes) == (24, 12)


def test_a_dtype_that_is_not_known_is_refused_as_that() -> None:
    new = view_as("float3_new", Storage("0", 12), (12,))
    assert "`torch.float3_new`" in refused({"w": new}, UnknownDtype)
    unnamed = Call(Name("torch._utils", "_rebuild_tensor_v3"), (*new.args[:-1], "float32"))
    assert "a tensor of a dtype that has no name" in refused({"w": unnamed})
    storage = Outside(("storage", Name("torch", "Float3Storage"), "0", "cpu", 2))
    assert "`torch.Float3Storage`" in refused({"w": view(storage, (2,))}, UnknownDtype)


def test_what_only_ends_like_a_storage_of_torch_is_none() -> None:
    storage = Outside(("storage", Name("evil", "FloatStorage"), "0", "cpu", 2))
    assert "`evil.FloatStorage`" in refused({"w": view(storage, (2,))}, UnknownDtype)


def test_rows_of_quantised_numbers_below_a_byte_are_filled_up_to_bytes() -> None:
    """As torch stores them: 3 rows of 5 are 3 x 3 bytes, and of 4 they are 3 x 2."""
    even = quantised(Storage("0", 6, "quint4x2"), (3, 4))
    got = header({"w": even})
    assert shapes(got) == {"w": ("QU4", (3, 4))}
    assert (got.tensors[0].elements, got.tensors[0].stored_bytes) == (12, 6)
    odd = header({"w": quantised(Storage("0", 9, "quint4x2"), (3, 5))})
    assert odd.tensors == ()
    assert odd.gaps == ("not known, a quantised tensor that fills no whole bytes: `w`",)


def quantised(storage: Storage, shape: tuple[int, ...], *scales: Call) -> Call:
    quantizer = (Name("torch", "per_channel_affine"), *scales, 0)
    args = (*view(storage, shape).args[:4], quantizer, False, ordered({}))
    return Call(Name("torch._utils", "_rebuild_qtensor"), args)


def test_the_scales_of_a_quantised_tensor_are_no_weights() -> None:
    t = Tensors()
    q = quantised(t.storage(12, "qint8"), (3, 4), t(3, dtype="float64"), t(3, dtype="int64"))
    got = header({"w": q})
    assert shapes(got) == {"w": ("QI8", (3, 4))}
    assert got.notes == ("left out, what belongs to other tensors: 6 elements in 2 tensors",)


# -- names


def test_names_are_the_way_to_the_tensor() -> None:
    t = Tensors()
    value = {"enc": {"layers": [t(1), {"w": t(2)}]}, "pair": (t(3), None), 7: t(4), "n": 3}
    assert shapes(header(value)) == {
        "enc.layers.0": ("F32", (1,)),
        "enc.layers.1.w": ("F32", (2,)),
        "pair.0": ("F32", (3,)),
        "7": ("F32", (4,)),
    }


def test_a_tensor_that_is_the_whole_file_has_a_name() -> None:
    assert shapes(header(Tensors()(2, 3))) == {"tensor": ("F32", (2, 3))}


def test_a_key_that_is_no_text_still_leads_to_its_tensor() -> None:
    t = Tensors()
    assert len(header({(1, 2): t(1), None: t(2), Name("a", "B"): t(3)}).tensors) == 3


def test_all_kinds_of_dictionaries_and_lists_are_gone_into() -> None:
    t = Tensors()
    in_pairs = Call(Name("collections", "OrderedDict"), ([["a", t(1)], ("b", t(2))],))  # Python 2
    default = Call(
        Name("collections", "defaultdict"), (Name("builtins", "list"),), None, {"c": t(3)}
    )
    own = Call(Name("my.config", "Dict"), (), None, {"d": t(4)}, new=True)
    space = Call(Name("argparse", "Namespace"), (), {"e": t(5)}, new=True)
    several = Call(Name("builtins", "set"), ([t(6)],))
    value = {"1": in_pairs, "2": default, "3": own, "4": space, "5": several}
    assert list(shapes(header(value))) == ["1.a", "1.b", "2.c", "3.d", "4.e", "5.0"]


def test_of_a_key_that_comes_twice_the_last_value_holds() -> None:
    t = Tensors()
    twice = Call(Name("collections", "OrderedDict"), ([["a", t(1)], ["b", t(2)], ["a", t(3)]],))
    assert shapes(header(twice)) == {"a": ("F32", (3,)), "b": ("F32", (2,))}


def test_two_tensors_of_one_name_are_refused() -> None:
    t = Tensors()
    assert "two tensors are named `a.b`" in refused({"a.b": t(1), "a": {"b": t(2)}})


def test_parameters_are_read_as_their_data() -> None:
    t = Tensors()
    with_state = Call(
        Name("torch._utils", "_rebuild_parameter_with_state"), (t(2), True, ordered({}), {"tag": 1})
    )
    direct = Call(Name("torch.nn.parameter", "Parameter"), (t(3), True))
    value = {"a": parameter(t(1)), "b": with_state, "c": direct}
    assert shapes(header(value)) == {"a": ("F32", (1,)), "b": ("F32", (2,)), "c": ("F32", (3,))}


def test_tensors_of_torch_before_0_4_are_in_their_state() -> None:
    tensor = Call(Name("torch", "FloatTensor"), (), (Storage("0", 6, "float32"), 0, (2, 3), (3, 1)))
    variable = Call(Name("torch.nn.parameter", "Parameter"), (), (tensor, None, True, {}, False))
    new = Call(
        Name("copy_reg", "_reconstructor"),
        (Name("torch.cuda", "HalfTensor"), Name("__builtin__", "object"), None),
        (Storage("1", 2, "float16"), 0, (2,), (1,)),
    )
    got = header({"a": tensor, "b": variable, "c": new})
    assert shapes(got) == {"a": ("F32", (2, 3)), "c": ("F16", (2,))}
    assert got.aliases == {"b": "a"}
    assert got.warnings == ()


# -- whole modules


def test_a_module_that_was_saved_whole_is_read_as_its_state_dict() -> None:
    t = Tensors()
    norm = module(
        Name("torch.nn.modules.batchnorm", "BatchNorm1d"),
        parameters={"weight": parameter(t(3)), "bias": None},
        buffers={"running_mean": t(3), "scratch": t(9)},
        _non_persistent_buffers_set=Call(Name("builtins", "set"), (["scratch"],)),
    )
    hidden = module(Name("my.models", "Hidden"), parameters={"w": t(2)})
    net = module(Name("my.models", "Net"), modules={"norm": norm}, anchors=t(5), other=hidden)
    got = header(net)
    assert shapes(got) == {"norm.weight": ("F32", (3,)), "norm.running_mean": ("F32", (3,))}
    assert {name: each.use for name, each in got.purposes.items()} == {
        "norm.running_mean": Use.CONSTANT
    }
    assert got.gaps == ()
    assert got.notes == (
        "left out, buffers that a state dict leaves out: 9 elements in 1 tensor",
        "left out, attributes of modules, neither parameters nor buffers: 7 elements in 2 tensors",
    )
    assert got.warnings[0] == (
        "a module was saved as a whole and not its state dict: `my.models.Net`"
    )


def test_what_a_module_keeps_in_an_object_that_is_not_known_is_a_gap() -> None:
    """As quantised modules keep their weights in an object of C++."""
    t = Tensors()
    packed = Call(Name("torch", "ScriptObject"), (), (t(3, 4, dtype="qint8"), t(3)), new=True)
    plain = Call(Name("functools", "partial"), (Name("torch", "relu"),))
    net = module(Name("my", "Quantised"), packed=packed, activation=plain)
    got = header(net)
    assert got.tensors == ()
    assert got.gaps == ("not known, what `torch.ScriptObject` makes of tensors: `packed`",)


def test_an_attribute_of_a_module_that_is_one_of_its_parameters_is_not_left_out() -> None:
    weight = Tensors()(2)
    net = module(Name("my", "Net"), parameters={"w": weight}, own=[weight])
    assert header(net).notes == ()


def test_an_archive_of_torchscript_is_read_by_the_attributes_of_its_objects() -> None:
    t = Tensors()
    linear = Call(Name("__torch__.torch.nn", "Linear"), (), {"weight": t(3, 2)}, new=True)
    net = Call(Name("__torch__", "Net"), (), {"training": False, "fc": linear}, new=True)
    members = [*members_of(net), Member(name="archive/constants.pkl", data=b"\x80\2).")]
    members += [Member(name="archive/constants/0", data=64)]
    got = read(zip_of(members))
    assert shapes(got) == {"fc.weight": ("F32", (3, 2))}
    assert got.notes == (
        "an archive of TorchScript: parameters and buffers lie together",
        "left out, 64 bytes of constants of the code, without names",
    )
    assert (got.warnings, got.gaps) == ((), ())


def test_a_frozen_module_of_torchscript_keeps_its_weights_where_they_have_no_names() -> None:
    net = Call(Name("__torch__", "Net"), (), {"training": False}, new=True)
    members = [*members_of(net), Member(name="archive/constants.pkl", data=b"\x80\2).")]
    members += [Member(name="archive/constants/0", data=6_400)]
    got = read(zip_of(members))
    assert got.tensors == ()
    assert got.gaps == ("not known, 6,400 bytes of constants of the code, without names",)


# -- what is not known


def test_what_an_unknown_function_returns_is_a_gap_and_the_rest_is_read() -> None:
    t = Tensors()
    value = {"w": t(2), "x": Call(Name("posix", "system"), ("true",)), "y": Call(Name("a.b", "f"))}
    got = header(value)
    assert shapes(got) == {"w": ("F32", (2,))}
    assert got.gaps == (
        "not known, what `posix.system` returns: `x`",
        "not known, what `a.b.f` returns: `y`",
    )
    assert got.warnings == (
        "it names code that loading would run, and that no weights need: `posix.system`",
        "it names code beside torch's own that loading would run: `a.b.f`",
    )


def test_tensors_that_an_unknown_class_holds_are_a_gap() -> None:
    t = Tensors()
    held = Call(Name("my", "Pruned"), (), {"mask": t(4), "values": {"w": t(2)}}, new=True)
    got = header({"w": held, "b": t(3)})
    assert shapes(got) == {"b": ("F32", (3,))}
    assert got.gaps == ("not known, what `my.Pruned` makes of tensors: `w`",)


def test_an_instance_without_tensors_is_no_gap() -> None:
    held = Call(Name("my", "Config"), (), {"hidden": 4}, new=True)
    got = header({"config": held, "b": Tensors()(3)})
    assert got.gaps == ()
    assert "`my.Config`" in got.warnings[0]


def test_numbers_and_settings_beside_the_weights_are_no_gap() -> None:
    scalar = Call(Name("numpy.core.multiarray", "scalar"), (Call(Name("numpy", "dtype"), ("f8",)),))
    value = {
        "w": Tensors()(2),
        "best": scalar,
        "device": Call(Name("torch", "device"), ("cpu",)),
        "dtype": Name("torch", "float16"),
        "size": Call(Name("torch", "Size"), ((1, 2),)),
        "count": Call(Name("collections", "Counter"), ({"a": 1},)),
        "raw": Call(Name("_codecs", "encode"), ("abc", "latin1")),
        "_extra_state": Call(Name("_io", "BytesIO"), (b"abc",)),
    }
    got = header(value)
    assert (got.gaps, got.warnings) == ((), ())


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (
            Call(
                Name("numpy.core.multiarray", "_reconstruct"),
                (Name("numpy", "ndarray"), (0,), b"b"),
            ),
            "an array of NumPy, within the pickle itself",
        ),
        (Storage("0", 8, "float32"), "a storage without a shape"),
        (
            Call(
                Name("torch._utils", "_rebuild_meta_tensor_no_storage"),
                (Name("torch", "float32"), (5, 5), (5, 1), False),
            ),
            "a tensor of the meta device, which has no numbers",
        ),
        (
            view(Call(Name("torch.storage", "_load_from_bytes"), (b"...",)), (2,)),
            "a tensor whose numbers are in no storage of the file",
        ),
        (
            Call(Name("torch._utils", "_rebuild_parameter"), (Call(Name("a", "b")), True, None)),
            "a tensor made of something that is not known",
        ),
        (Call(Name("torch", "FloatTensor")), "a tensor without numbers"),
    ],
)
def test_what_may_be_a_tensor_and_cannot_be_read_is_a_gap(made: Any, what: str) -> None:
    assert header({"w": made}).gaps == (f"not known, {what}: `w`",)


def test_a_sparse_tensor_is_stored_in_parts_and_its_count_is_not_known() -> None:
    t = Tensors()
    parts = (t(2, 5, dtype="int64"), t(5), Call(Name("torch", "Size"), ((100, 100),)), True)
    layout = Call(Name("torch.serialization", "_get_layout"), ("torch.sparse_coo",))
    got = header({"w": Call(Name("torch._utils", "_rebuild_sparse_tensor"), (layout, parts))})
    assert shapes(got) == {"w.0": ("I64", (2, 5)), "w.1": ("F32", (5,))}
    assert "a sparse tensor" in got.gaps[0]


def test_an_object_of_torchscript_that_is_not_known_is_a_gap() -> None:
    packed = Call(
        Name("__torch__.torch.classes.quantized", "LinearPackedParamsBase"),
        (),
        (Tensors()(3, 4, dtype="qint8"), None),
        new=True,
    )
    (gap,) = header({"w": packed}).gaps
    assert "LinearPackedParamsBase` makes of tensors: `w`" in gap


def test_lists_and_dictionaries_of_torchscript_are_gone_into() -> None:
    t = Tensors()
    tagged = Name("torch.jit._pickle", "restore_type_tag")
    value = {
        "list": Call(Name("torch.jit._pickle", "build_tensorlist"), ([t(1)],)),
        "dict": Call(tagged, ({"a": t(2)}, "Dict[str, Tensor]")),
        "ints": Call(Name("torch.jit._pickle", "build_intlist"), ([1, 2],)),
    }
    got = header(value)
    assert list(shapes(got)) == ["list.0", "dict.a"]
    assert (got.gaps, got.warnings) == ((), ())


def test_storages_that_nobody_is_known_to_look_into_are_a_gap() -> None:
    """As the key of a dictionary, where nothing of torch would put it."""
    got = header({"w": Tensors()(1), (Storage("9", 5, "float32"),): 1})
    assert got.gaps == ("not known, what the pickle makes of some of its storages: 20 bytes in 1",)


def test_a_nested_tensor_counts_as_its_values() -> None:
    t = Tensors()
    args = (t(5), t(2, 1, dtype="int64"), t(2, 1, dtype="int64"), t(2, dtype="int64"))
    got = header({"w": Call(Name("torch._utils", "_rebuild_nested_tensor"), args)})
    assert shapes(got) == {"w": ("F32", (5,))}


def subclass(name: Name, shape: tuple[int, ...], **state: Any) -> Call:
    """A tensor of a subclass that keeps its numbers in tensors of its own (torchao, 0.18)."""
    outer = (name, Name("torch", "bfloat16"), shape, (shape[-1], 1), 0, None, None, False)
    args = (Name("torch._utils", "_rebuild_wrapper_subclass"), name, outer, state)
    return Call(Name("torch._tensor", "_rebuild_from_type_v2"), args)


def test_a_tensor_packed_by_torchao_counts_by_the_shape_of_what_it_packs() -> None:
    t = Tensors()
    int4 = subclass(
        Name("torchao.quantization", "Int4Tensor"),
        (64, 128),
        qdata=t(64, 64, dtype="uint8"),  # two to a byte
        scale=t(4, 64, dtype="bfloat16"),
        block_size=[1, 32],
    )
    got = header({"fc.weight": int4})
    assert shapes(got) == {
        "fc.weight.qdata": ("U8", (64, 64)),
        "fc.weight.scale": ("BF16", (4, 64)),
    }
    weights, scale = (got.purposes[f"fc.weight.{part}"] for part in ("qdata", "scale"))
    assert (weights.use, weights.parameters) == (Use.WEIGHTS, 64 * 128)
    assert (scale.use, scale.packing) == (Use.BOOKKEEPING, "torchao")
    assert got.gaps == ()


@pytest.mark.parametrize(
    ("package", "shape"),
    [
        ("my.quant", (64, 128)),  # nothing is known of it
        ("torchao.quantization", (1 << 20, 1 << 20)),  # 2^40 weights in 4,096 bytes
    ],
)
def test_a_tensor_of_another_class_may_stand_for_other_numbers(
    package: str, shape: tuple[int, ...]
) -> None:
    packed = subclass(Name(package, "T"), shape, q=Tensors()(64, 64, dtype="uint8"))
    got = header({"w": packed})
    assert shapes(got) == {"w.q": ("U8", (64, 64))}
    assert got.gaps == (
        f"not known, a tensor of the class `{package}.T`, which may pack numbers: `w`",
    )


def test_a_subclass_of_plain_numbers_is_plain_where_its_class_is_known() -> None:
    t = Tensors()

    def of(name: Name) -> Call:
        args = (Name("torch._utils", "_rebuild_tensor_v2"), name, t(2, 3).args, {"tag": 1})
        return Call(Name("torch._tensor", "_rebuild_from_type_v2"), args)

    known = (Name("torch", "Tensor"), Name("bitsandbytes.nn.modules", "Params4bit"))
    assert header({"w": [of(name) for name in known]}).gaps == ()
    assert header({"w": of(Name("my", "Tensor"))}).gaps != ()


# -- what is broken

TWELVE = Storage("0", 12, "float32")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (view(Storage("0", 11, "float32"), (3, 4)), "ends at byte 48 of the storage `0`"),
        (view(TWELVE, (3, 4), offset=1), "ends at byte 52"),
        (view(TWELVE, (3, 4), (5, 1)), "ends at byte 56"),
        (view(TWELVE, (3, 4), offset=-1), "without an offset, a size or a stride"),
        (view(TWELVE, (3, 4), (-4, 1)), "what is no number of 63 bits"),
        (view(TWELVE, (3, 4), (4,)), "without an offset, a size or a stride"),
        (view(TWELVE, (3, True), (4, 1)), "what is no number of 63 bits"),
        (view(TWELVE, (1 << 63,), (1,)), "what is no number of 63 bits"),
        (view(TWELVE, (1 << 32, 1 << 32), (0, 0)), "than 63 bits count"),
        (view(TWELVE, (1,) * 65), "a size or stride that is none"),
        (
            view(Outside(("storage", Name("torch", "FloatStorage"), "0", "cpu", -1)), (0,)),
            "a storage without a class, a key or a size",
        ),
        (Call(Name("torch._utils", "_rebuild_tensor_v2"), ()), "with too few arguments"),
        (Call(Name("torch._utils", "_rebuild_tensor_v3"), view(TWELVE, (1,)).args), "too few"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(made: Call, reason: str) -> None:
    assert reason in refused({"w": made})


def test_a_storage_of_two_sizes_is_refused() -> None:
    value = {
        "a": view(Storage("0", 2, "float32"), (2,)),
        "b": view(Storage("0", 3, "float32"), (3,)),
    }
    assert "the storage `0` has two sizes" in refused(value)


def test_a_tensor_wrapped_again_and_again_is_refused() -> None:
    made = Tensors()(1)
    for _ in range(9):
        made = parameter(made)
    assert "wrapped more than 8 times" in refused({"w": made})


def test_a_tensor_that_rebuilds_by_type_again_and_again_is_refused() -> None:
    rebuild = Name("torch._tensor", "_rebuild_from_type_v2")
    args: tuple[Any, ...] = (Name("a", "b"), Name("a", "B"), (), {})
    for _ in range(9):
        args = (rebuild, Name("a", "B"), args, {})
    assert "wrapped more than 8 times" in refused({"w": Call(rebuild, args)})


def test_tensors_of_very_many_tensors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_objects, "MAX_PIECES", 1_000)
    t = Tensors()
    many = {f"part{at}": t(1) for at in range(501)}
    value = [subclass(Name("a", "B"), (2, 2), **many) for _ in range(2)]
    assert "made of more than 1,000 others" in refused(value, LimitExceeded)


@pytest.mark.parametrize("name", [b"\xed\xa0\x80", b"a\xed\xbf\xbf"])
def test_a_name_that_is_not_unicode_is_refused(name: bytes) -> None:
    """Half a surrogate pair, as Python's own pickles can have it."""
    pickle = pickled({"?" * len(name): Tensors()(1)}).replace(b"?" * len(name), name)
    members = [Member(name="a/data.pkl", data=pickle), Member(name="a/data/0", data=4)]
    with pytest.raises(HeaderMalformed, match="a lone surrogate"):
        read(zip_of(members))


def test_a_name_longer_than_any_is_refused_and_other_long_texts_are_not() -> None:
    t = Tensors()
    assert "a name of 1,001 characters" in refused({"x" * 1_001: t(1)}, LimitExceeded)
    assert header({"w": Tensors()(1), "x" * 5_000: "y" * 5_000}).gaps == ()


def test_parts_nested_deeper_than_models_are_a_gap_if_they_hold_tensors() -> None:
    def nested(inner: Any) -> Any:
        for _ in range(150):
            inner = {"a": inner}
        return inner

    assert header({"w": Tensors()(1), "tree": nested(3)}).gaps == ()
    (gap,) = header({"w": nested(Tensors()(1))}).gaps
    assert gap.startswith("not known, parts nested too deep, or under too long a name: `w.a.a")


def test_more_names_than_any_model_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_names, "MAX_NAMES", 100)
    shared = Tensors()(1)
    value = {f"w{at}": shared for at in range(101)}
    assert "more than 100 names of tensors" in refused(value, LimitExceeded)


def test_objects_that_hold_themselves_and_one_another_are_gone_into_once() -> None:
    t = Tensors()
    loop: dict[str, Any] = {"w": t(2)}
    loop["again"] = loop
    assert shapes(header(loop)) == {"w": ("F32", (2,))}
    tower: Any = [t(1)]
    for _ in range(40):
        tower = [tower, tower]  # 2^40 ways to one tensor
    assert len(header(tower).tensors) == 1


# -- safety


@pytest.mark.parametrize(
    ("name", "reaching"),
    [
        (Name("os", "system"), True),
        (Name("posix", "popen"), True),
        (Name("__builtin__", "eval"), True),
        (Name("builtins", "getattr"), True),
        (Name("subprocess", "Popen"), True),
        (Name("torch.hub", "load"), True),
        (Name("torch", "load"), True),
        (Name("runpy", "_run_code"), True),
        (Name("ultralytics.nn.tasks", "DetectionModel"), False),
        (Name("torch.nn.modules.module", "torch.os.system"), False),
        (Name("torch", "os.system"), False),
    ],
)
def test_a_name_that_is_not_torchs_is_told(name: Name, reaching: bool) -> None:  # noqa: FBT001
    got = header({"w": Tensors()(1), "x": name})  # named alone: importing runs code, too
    assert f"`{name.module.replace('__builtin__', 'builtins')}.{name.name}`" in got.warnings[0]
    assert ("no weights need" in got.warnings[0]) is reaching


@pytest.mark.parametrize(
    "name",
    [
        Name("torch.nn.modules.linear", "Linear"),
        Name("torch.optim.adam", "Adam"),
        Name("torch._utils", "_rebuild_tensor_v2"),
        Name("torch", "per_tensor_affine"),
        Name("torch", "strided"),
        Name("torch.cuda", "FloatStorage"),
        Name("torch.serialization", "_get_layout"),
        Name("__torch__.my.module", "Net"),
        Name("collections", "OrderedDict"),
    ],
)
def test_names_of_torch_are_not_told(name: Name) -> None:
    assert header({"w": Tensors()(1), "x": name}).warnings == ()


def test_a_message_stays_short_however_much_is_named() -> None:
    t = Tensors()
    value = {f"w{at}": Call(Name(f"module{at}", "f")) for at in range(300)}
    got = header({"w": t(1), **value})
    assert all(len(sentence) < 400 for sentence in (*got.warnings, *got.notes))
    assert prod(got.tensors[0].shape) == 1
