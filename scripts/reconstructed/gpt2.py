"""GPT-2, the smallest."""

from typing import Final

from reconstructed.model import Model, Part, Published, Row

# GPT2Model, saved without the prefix of GPT2LMHeadModel. Its linear layers are [in, out], and the
# causal mask of every layer is stored as numbers.
GPT2_MODEL: Final[tuple[Row, ...]] = (
    ("wte.weight", "vocab hidden"),
    ("wpe.weight", "positions hidden"),
    ("h.{layer}.ln_1.weight", "hidden"),
    ("h.{layer}.ln_1.bias", "hidden"),
    ("h.{layer}.attn.bias", "1 1 positions positions"),
    ("h.{layer}.attn.c_attn.weight", "hidden qkv"),
    ("h.{layer}.attn.c_attn.bias", "qkv"),
    ("h.{layer}.attn.c_proj.weight", "hidden hidden"),
    ("h.{layer}.attn.c_proj.bias", "hidden"),
    ("h.{layer}.ln_2.weight", "hidden"),
    ("h.{layer}.ln_2.bias", "hidden"),
    ("h.{layer}.mlp.c_fc.weight", "hidden inner"),
    ("h.{layer}.mlp.c_fc.bias", "inner"),
    ("h.{layer}.mlp.c_proj.weight", "inner hidden"),
    ("h.{layer}.mlp.c_proj.bias", "hidden"),
    ("ln_f.weight", "hidden"),
    ("ln_f.bias", "hidden"),
)

GPT2: Final = Model(
    repo_id="openai-community/gpt2",
    aliases=("gpt2",),
    architecture="GPT2LMHeadModel",
    parts=(
        Part(
            table=GPT2_MODEL,
            dimensions={
                "vocab": 50_257,
                "positions": 1_024,
                "hidden": 768,
                "qkv": 3 * 768,
                "inner": 4 * 768,
            },
            layers=12,
            config={
                "activation_function": "gelu_new",
                "architectures": ["GPT2LMHeadModel"],
                "attn_pdrop": 0.1,
                "bos_token_id": 50_256,
                "embd_pdrop": 0.1,
                "eos_token_id": 50_256,
                "initializer_range": 0.02,
                "layer_norm_epsilon": 1e-05,
                "model_type": "gpt2",
                "n_ctx": 1_024,
                "n_embd": 768,
                "n_head": 12,
                "n_layer": 12,
                "n_positions": 1_024,
                "resid_pdrop": 0.1,
                "vocab_size": 50_257,
            },
            padded=False,
        ),
    ),
    published=(
        Published(
            elements=137_022_720,
            what="elements in its file",
            source="safetensors docs/source/metadata_parsing.mdx",
        ),
        Published(
            elements=124_439_808,
            what="parameters",
            source="keras-hub preset gpt2_base_en",
            without=".attn.bias",
        ),
    ),
    hub_says=True,
    remark="the real file has 548,105,171 bytes, for its tensors lie in another order",
)
