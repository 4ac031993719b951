"""What an ONNX graph shows of its tensors decides what is counted: quantised weights, copies."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.core.roles import Role
from auditor.core.tensors import Header, Use
from auditor.formats.onnx import read_header
from counting import assigned, counted
from onnx_files import attribute, constant, graph, model, node, onnx_file, tensor
from spread_files import Pieces, feed

MICROSOFT = "com.microsoft"
FLOAT = 1  # TensorProto.DataType


def header_of(pieces: Pieces) -> Header:
    return feed(read_header, pieces).header


def uses(header: Header) -> dict[str, str]:
    """What the graph shows of the tensors by name; nothing for plain ones."""
    return {name: purpose.use.value for name, purpose in header.purposes.items()}


def roles_of(header: Header, config: Mapping[str, Any] | None = None) -> dict[str, Role]:
    assignment, _ = assigned(header, config)
    return {each.name: assignment.rule_of(each).role for each in header.tensors}


# -- what is no parameter


def test_shapes_indices_and_masks_are_no_parameters() -> None:
    file = onnx_file(
        [
            tensor("w", "F32", (64, 64)),
            tensor("relative_position_index", "I64", (49, 49)),
            tensor("mask", "BOOL", (1, 1, 128, 128)),
        ],
        [constant("/Constant_output_0", tensor("", "I64", (3,)))],
    )
    header = header_of(file)
    assert counted(header).total == 64 * 64
    assert counted(header).buffers == 49 * 49 + 128 * 128 + 3


def test_a_quantisation_in_the_config_makes_no_weights_of_indices() -> None:
    file = onnx_file([tensor("w", "F32", (8, 8)), tensor("index", "I64", (49, 49))])
    config = {"quantization_config": {"quant_method": "bitsandbytes"}}
    assert counted(header_of(file), config).total == 64


def test_few_numbers_in_nodes_are_constants_and_many_are_weights() -> None:
    file = onnx_file(
        nodes=[
            constant("factor", tensor("", "F32", (16,))),
            constant("conv2d_0.w_0", tensor("", "F32", (64, 3, 7, 7))),
        ]
    )
    # Paddle's exporter writes every weight so.
    assert counted(header_of(file)).total == 64 * 3 * 7 * 7
    assert counted(header_of(file)).buffers == 16


def test_running_statistics_are_those_inputs_of_a_batch_norm() -> None:
    names = ("x", "onnx::1", "onnx::2", "onnx::3", "onnx::4")
    file = onnx_file(
        [tensor(name, "F32", (64,)) for name in names[1:]],
        [node("BatchNormalization", names, ["y"])],
    )
    assert counted(header_of(file)).total == 2 * 64
    assert counted(header_of(file)).buffers == 2 * 64


@pytest.mark.parametrize(
    ("op", "domain", "before"),
    [
        ("RotaryEmbedding", "", ["x"]),
        ("RotaryEmbedding", MICROSOFT, ["x", "position_ids"]),
        ("GroupQueryAttention", MICROSOFT, ["q", "k", "v", "pk", "pv", "seqlens", "total"]),
    ],
)
def test_tables_of_rotary_embeddings_are_constants(op: str, domain: str, before: list[str]) -> None:
    tables = [tensor(name, "F16", (4_096, 64)) for name in ("first", "second")]
    file = onnx_file(tables, [node(op, [*before, "first", "second"], ["y"], domain=domain)])
    assert counted(header_of(file)).total == 0
    assert counted(header_of(file)).buffers == 2 * 4_096 * 64


def test_numbers_under_an_exporters_names_are_constants_if_they_are_few() -> None:
    shapes = {
        "onnx::Div_12": (),
        "onnx::MatMul_13": (64, 64),
        "onnx::Sub_14": (1, 3, 1, 1),
        "/encoder/Constant_5_output_0": (1,),
        "val_7": (),
        "logit_scale": (),  # which CLIP trains
        "classifier.bias": (1,),
    }
    header = header_of(onnx_file([tensor(name, "F32", shape) for name, shape in shapes.items()]))
    assert counted(header).total == 64 * 64 + 1 + 1
    assert counted(header).buffers == 1 + 3 + 1 + 1


# -- quantised weights


def test_each_number_that_is_dequantised_is_a_parameter_and_its_scale_is_none() -> None:
    kinds = {"w_quantized": ("I8", (64, 32)), "b_quantized": ("I32", (64,))}
    initializers = [tensor(name, dtype, shape) for name, (dtype, shape) in kinds.items()]
    nodes = []
    for name, dtype in (("w", "I8"), ("b", "I32")):
        initializers += [tensor(f"{name}_scale", "F32", (64,)), tensor(f"{name}_zp", dtype, (64,))]
        inputs = [f"{name}_quantized", f"{name}_scale", f"{name}_zp"]
        nodes.append(node("DequantizeLinear", inputs, [f"{name}_dq"], axis=0))
    tally = counted(header_of(onnx_file(initializers, nodes)))
    assert (tally.total, tally.trainable) == (64 * 32 + 64, 64 * 32 + 64)
    assert tally.auxiliary == 4 * 64
    assert [layout.name for layout in tally.layouts] == ["ONNX DequantizeLinear"]


def test_a_table_may_be_looked_up_before_it_is_dequantised() -> None:
    file = onnx_file(
        [
            tensor("words_quantized", "U8", (1_000, 16)),
            tensor("s", "F32", ()),
            tensor("z", "U8", ()),
        ],
        [
            node("Gather", ["words_quantized", "ids"], ["rows"]),
            node("DequantizeLinear", ["rows", "s", "z"], ["embedded"]),
        ],
    )
    assert counted(header_of(file)).total == 16_000
    assert counted(header_of(file)).auxiliary == 2


def test_weights_of_dynamic_quantisation_are_counted_without_their_scales() -> None:
    # onnxruntime's quantize_dynamic: the scale of the product is that of x times that of w.
    file = onnx_file(
        [
            tensor("w_quantized", "I8", (32, 64)),
            tensor("w_scale", "F32", (64,)),
            tensor("w_zero_point", "I8", (64,)),
            tensor("bias", "F32", (64,)),
        ],
        [
            node("DynamicQuantizeLinear", ["x"], ["x_q", "x_scale", "x_zp"]),
            node("MatMulInteger", ["x_q", "w_quantized", "x_zp", "w_zero_point"], ["product"]),
            node("Mul", ["x_scale", "w_scale"], ["scale"]),
            node("Cast", ["product"], ["real"], to=FLOAT),
            node("Mul", ["real", "scale"], ["scaled"]),
            node("Add", ["scaled", "bias"], ["y"]),
        ],
    )
    tally = counted(header_of(file))
    assert tally.total == 32 * 64 + 64
    assert tally.auxiliary == 64 + 64


def test_a_scale_that_is_multiplied_with_another_is_a_scale() -> None:
    # As onnxruntime writes a product with rows of a table that is quantised itself.
    file = onnx_file(
        [
            tensor("words", "U8", (100, 16)),
            tensor("words_scale", "F32", ()),
            tensor("w", "U8", (16, 64)),
            tensor("w_scale", "F32", (64,)),
            tensor("gain", "F32", (64,)),
        ],
        [
            node("Gather", ["words", "ids"], ["rows"]),
            node("DequantizeLinear", ["rows", "words_scale"], ["embedded"]),
            node("MatMulInteger", ["rows", "w"], ["product"]),
            node("Mul", ["words_scale", "w_scale"], ["scale"]),
            node("Mul", ["scaled", "gain"], ["y"]),
        ],
    )
    assert counted(header_of(file)).total == 1_600 + 1_024 + 64
    assert counted(header_of(file)).auxiliary == 1 + 64


def test_a_convolution_of_integers_holds_weights_and_a_bias() -> None:
    inputs = ["x", "x_s", "x_z", "w", "w_s", "w_z", "y_s", "y_z", "b"]
    scalars = [tensor(name, "F32", ()) for name in ("x_s", "w_s", "y_s")]
    zeros = [tensor(name, "U8", ()) for name in ("x_z", "w_z", "y_z")]
    file = onnx_file(
        [tensor("w", "U8", (8, 3, 3, 3)), tensor("b", "I32", (8,)), *scalars, *zeros],
        [node("QLinearConv", inputs, ["y"])],
    )
    assert counted(header_of(file)).total == 8 * 27 + 8
    assert counted(header_of(file)).auxiliary == 6


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_packed_bits_are_as_many_weights_as_their_operator_says(bits: int) -> None:
    # 100 columns are 4 blocks of 32, the last of which is filled up.
    file = onnx_file(
        [
            tensor("q_proj_Q4", "U8", (48, 4, 32 * bits // 8)),
            tensor("q_proj_scales", "F16", (48, 4)),
            tensor("q_proj_zero_points", "U8", (48, -(-4 * bits // 8))),
            tensor("bias", "F16", (48,)),
        ],
        [
            node(
                "MatMulNBits",
                ["x", "q_proj_Q4", "q_proj_scales", "q_proj_zero_points", "", "bias"],
                ["y"],
                domain=MICROSOFT,
                K=100,
                N=48,
                bits=bits,
                block_size=32,
            )
        ],
    )
    tally = counted(header_of(file))
    assert tally.total == 48 * 100 + 48
    (layout,) = tally.layouts
    assert (layout.name, layout.low, layout.packs) == ("ONNX MatMulNBits", 4_800, True)
    stored_bytes = 48 * 4 * 4 * bits + 48 * 4 * 2 + 48 * -(-4 * bits // 8)
    assert layout.stored_bytes == stored_bytes


def test_a_flat_blob_of_4_bits_is_the_matrix_that_its_operator_says() -> None:
    # 33 x 15 = 495 numbers take 248 bytes.
    file = onnx_file(
        [tensor("w_Bnb4", "U8", (248,)), tensor("absmax", "F32", (8,))],
        [
            node(
                "MatMulBnb4",
                ["x", "w_Bnb4", "absmax"],
                ["y"],
                domain=MICROSOFT,
                K=33,
                N=15,
                block_size=64,
                quant_type=1,
            )
        ],
    )
    assert counted(header_of(file)).total == 495
    assert counted(header_of(file)).auxiliary == 8


@pytest.mark.parametrize(
    ("dtype", "columns", "bits", "weights"),
    [
        ("U8", 32, 4, 64),
        ("U8", 32, 8, 32),
        ("U8", 32, 2, 128),
        ("U4", 64, 4, 64),
        ("I4", 64, 4, 64),
    ],
)
def test_a_table_of_packed_rows_has_as_many_columns_as_bits_say(
    dtype: str, columns: int, bits: int, weights: int
) -> None:
    file = onnx_file(
        [tensor("words_Q4", dtype, (100, columns)), tensor("scales", "F16", (100, 2))],
        [
            node(
                "GatherBlockQuantized",
                ["words_Q4", "ids", "scales"],
                ["y"],
                domain=MICROSOFT,
                bits=bits,
            )
        ],
    )
    assert counted(header_of(file)).total == 100 * weights


def test_packed_experts_are_counted_each() -> None:
    inputs = ["x", "router", "fc1_Q4", "s1", "b1", "fc2_Q4", "s2", "b2"]
    file = onnx_file(
        [
            tensor("fc1_Q4", "U8", (4, 64, 16)),
            tensor("s1", "F16", (4, 64)),
            tensor("b1", "F16", (4, 64)),
            tensor("fc2_Q4", "U8", (4, 32, 16)),
            tensor("s2", "F16", (4, 32)),
            tensor("b2", "F16", (4, 32)),
        ],
        [node("QMoE", inputs, ["y"], domain=MICROSOFT, expert_weight_bits=4, k=2)],
    )
    # Two weights in each byte: 4 x 64 x 32 and 4 x 32 x 32; biases are plain.
    assert counted(header_of(file)).total == 8_192 + 4_096 + 256 + 128


def test_a_quantised_weight_has_the_role_of_its_plain_name() -> None:
    file = onnx_file(
        [tensor("bert.embeddings.word_embeddings.weight_quantized", "U8", (100, 16))],
        [
            node("Gather", ["bert.embeddings.word_embeddings.weight_quantized", "ids"], ["rows"]),
            node("DequantizeLinear", ["rows"], ["y"]),
        ],
    )
    assert set(roles_of(header_of(file)).values()) == {Role.EMBEDDING}


@pytest.mark.parametrize(
    "ints",
    [
        {"K": 2**60, "N": 2**60, "block_size": 32, "bits": 4},
        {"K": 64, "N": 65, "block_size": 32, "bits": 4},
        {"K": 64, "N": 64, "block_size": 0, "bits": 4},
        {"K": -64, "N": -64, "block_size": 32, "bits": 4},
        {"K": 64, "N": 64, "block_size": 32, "bits": -4},
        {"K": 64, "N": 64, "block_size": 2**60, "bits": 2},
        {},
    ],
)
def test_an_operator_that_does_not_fit_its_bytes_leaves_the_total_open(
    ints: dict[str, int],
) -> None:
    file = onnx_file(
        [tensor("w", "U8", (64, 2, 16))],
        [node("MatMulNBits", ["x", "w", "s"], ["y"], domain=MICROSOFT, attributes=(), **ints)],
    )
    header = header_of(file)
    assert "`w` of `MatMulNBits`" in header.gaps[0]
    assert counted(header).total is None


# -- what is not known


def test_bytes_that_are_cast_and_scaled_by_hand_leave_the_total_open() -> None:
    file = onnx_file(
        [tensor("w", "I8", (64, 64)), tensor("s", "F32", (64,))],
        [node("Cast", ["w"], ["w_f"], to=FLOAT), node("Mul", ["w_f", "s"], ["w_s"])],
    )
    assert header_of(file).gaps == (
        "integers that may be weights, in no packing that is known: `w`",
    )


def test_a_mask_that_is_cast_to_truth_values_is_no_gap() -> None:
    file = onnx_file(
        [tensor("bias", "U8", (1, 1, 1_024, 1_024))], [node("Cast", ["bias"], ["mask"], to=9)]
    )
    assert header_of(file).gaps == ()


def test_positions_that_are_cast_to_floats_are_no_gap() -> None:
    file = onnx_file([tensor("t", "I64", (8_192,))], [node("Cast", ["t"], ["t_f"], to=FLOAT)])
    assert header_of(file).gaps == ()


def test_integers_for_an_operator_of_somebody_else_leave_the_total_open() -> None:
    file = onnx_file(
        [tensor("w", "I32", (64, 64))], [node("MyMatMul", ["x", "w"], ["y"], domain="ai.vendor")]
    )
    assert "`w`" in header_of(file).gaps[0]


def test_bytes_for_an_operator_of_microsofts_that_is_not_known_leave_the_total_open() -> None:
    initializers = [tensor("w", "U8", (64, 64)), tensor("index", "I64", (64, 64))]
    unknown = node("MatMulFpQ4", ["x", "w", "index"], ["y"], domain=MICROSOFT)
    assert header_of(onnx_file(initializers, [unknown])).gaps == (
        "integers that may be weights, in no packing that is known: `w`",
    )


def test_integers_that_are_shifted_apart_leave_the_total_open() -> None:
    file = onnx_file([tensor("w", "I32", (64, 64))], [node("BitShift", ["w", "s"], ["y"])])
    assert "`w`" in header_of(file).gaps[0]


def test_numbers_among_an_operators_settings_leave_the_total_open() -> None:
    coefficients = attribute("coefficients", 7, (bytes(4 * 300),))
    linear = node("LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", attributes=[coefficients])
    assert header_of(onnx_file(nodes=[linear])).gaps == (
        "numbers that are no tensors but settings of operators: 300 in `LinearRegressor`",
    )


def test_a_compiled_model_leaves_the_total_open() -> None:
    compiled = node("EPContext", ["x"], ["y"], domain=MICROSOFT, embed_mode=0)
    assert "`EPContext`" in header_of(onnx_file(nodes=[compiled])).gaps[0]


# -- copies


VOCABULARY, WIDTH = 1_000, 16


def language_model(*, head: str = "onnx::MatMul_9", steps: tuple[str, ...] = ("Add",)) -> Pieces:
    """A token table, and a matrix before the logits that has its sides."""
    value = "hidden"
    nodes = [
        node("Gather", ["words.weight", "ids"], ["rows"]),
        node("MatMul", ["rows", "inner"], [value]),
        node("MatMul", [value, head], ["step0"]),
    ]
    for at, op in enumerate(steps):
        nodes.append(node(op, [f"step{at}"], [f"step{at + 1}"]))
    return onnx_file(
        [
            tensor("words.weight", "F32", (VOCABULARY, WIDTH)),
            tensor("inner", "F32", (WIDTH, WIDTH)),
            tensor(head, "F32", (WIDTH, VOCABULARY)),
        ],
        nodes,
        [f"step{len(steps)}"],
    )


TABLE = VOCABULARY * WIDTH


def test_a_matrix_before_the_logits_is_one_with_the_table_where_the_config_ties_them() -> None:
    header = header_of(language_model())
    tally = counted(header, {"model_type": "bert", "architectures": ["BertForMaskedLM"]})
    assert (tally.total, tally.tied_copies) == (TABLE + WIDTH**2, TABLE)
    _, findings = assigned(header, {"model_type": "bert", "architectures": ["BertForMaskedLM"]})
    assert [finding.code for finding in findings] == ["tied-copy-stored"]


def test_it_is_a_matrix_of_its_own_where_the_config_unties_them() -> None:
    header = header_of(language_model())
    config = {"model_type": "llama", "tie_word_embeddings": False}
    assert counted(header, config).total == 2 * TABLE + WIDTH**2
    assert assigned(header, config)[1] == ()


def test_without_a_config_the_total_is_a_range() -> None:
    header = header_of(language_model())
    tally = counted(header)
    assert (tally.total, tally.total_range) == (None, (TABLE + WIDTH**2, 2 * TABLE + WIDTH**2))
    assert [finding.code for finding in assigned(header)[1]] == ["tie-not-settled"]


@pytest.mark.parametrize(
    "steps", [(), ("Add", "Cast"), ("Div", "Tanh", "Mul"), ("Slice", "Reshape", "LogSoftmax")]
)
def test_small_steps_to_the_logits_do_not_hide_it(steps: tuple[str, ...]) -> None:
    assert "onnx::MatMul_9" in header_of(language_model(steps=steps)).purposes


def test_a_matrix_of_the_same_sides_inside_the_model_is_its_own() -> None:
    # As an inner layer as wide as the table of positions is long.
    file = onnx_file(
        [tensor("positions", "F32", (64, 16)), tensor("inner", "F32", (16, 64))],
        [
            node("Gather", ["positions", "ids"], ["rows"]),
            node("MatMul", ["rows", "inner"], ["wide"]),
            node("Gelu", ["wide"], ["y"]),
        ],
        ["y"],
    )
    assert counted(header_of(file)).total == 2 * 64 * 16


def test_a_table_that_is_used_twice_is_counted_once() -> None:
    file = onnx_file(
        [tensor("words", "F32", (VOCABULARY, WIDTH))],
        [
            node("Gather", ["words", "ids"], ["rows"]),
            node("Transpose", ["words"], ["turned"]),
            node("MatMul", ["rows", "turned"], ["logits"]),
        ],
        ["logits"],
    )
    assert counted(header_of(file)).total == TABLE


def test_a_packed_head_may_be_the_plain_table() -> None:
    # As onnxruntime-genai writes small models whose head is tied.
    nodes = [
        node("Gather", ["model.embed_tokens.weight", "ids"], ["rows"]),
        node(
            "MatMulNBits",
            ["rows", "lm_head.MatMul.weight_Q4", "s"],
            ["logits"],
            domain=MICROSOFT,
            K=64,
            N=VOCABULARY,
            bits=4,
            block_size=32,
        ),
    ]
    file = onnx_file(
        [
            tensor("model.embed_tokens.weight", "F16", (VOCABULARY, 64)),
            tensor("lm_head.MatMul.weight_Q4", "U8", (VOCABULARY, 2, 16)),
            tensor("s", "F16", (VOCABULARY, 2)),
        ],
        nodes,
        ["logits"],
    )
    header = header_of(file)
    tied = counted(header, {"model_type": "llama", "tie_word_embeddings": True})
    untied = counted(header, {"model_type": "llama", "tie_word_embeddings": False})
    assert (tied.total, untied.total) == (64_000, 128_000)
    assert untied.non_embedding == 0  # the head is known as such under its plain name


def test_branches_that_hold_the_same_tensors_count_once() -> None:
    branches = [
        attribute(place, 6, graph([tensor("decoder.weight", "F32", (64, 64))], outputs=["y"]))
        for place in ("else_branch", "then_branch")
    ]
    header = header_of(model(graph(nodes=[node("If", ["c"], ["y"], attributes=branches)])))
    assert uses(header) == {"then_branch.decoder.weight": Use.COPY.value}
    assert (counted(header).total, counted(header).tied_copies) == (4_096, 4_096)


def test_numbered_tensors_of_two_branches_are_not_taken_for_one() -> None:
    branches = [
        attribute(place, 6, graph([tensor("onnx::MatMul_7", "F32", (64, 64))]))
        for place in ("else_branch", "then_branch")
    ]
    header = header_of(model(graph(nodes=[node("If", ["c"], ["y"], attributes=branches)])))
    assert counted(header).total == 2 * 4_096


def test_an_identity_of_a_parameter_is_a_further_name_of_it() -> None:
    # PyTorch's exporter writes parameters of equal numbers once.
    file = onnx_file(
        [tensor("norm1.weight", "F32", (64,))],
        [node("Identity", ["norm1.weight"], ["norm2.weight"])],
    )
    assert header_of(file).aliases == {"norm2.weight": "norm1.weight"}


def test_a_subgraph_sees_the_tensors_around_it() -> None:
    inner = graph(nodes=[node("DequantizeLinear", ["w", "s"], ["y"])], outputs=["y"])
    file = onnx_file(
        [tensor("w", "I8", (64, 64)), tensor("s", "F32", ())],
        [node("If", ["c"], ["y"], attributes=[attribute("then_branch", 6, inner)])],
    )
    assert uses(header_of(file)) == {"w": "weights", "s": "bookkeeping"}
