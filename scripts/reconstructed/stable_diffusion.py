"""Stable Diffusion v1.4: a pipeline of four models in folders of their own."""

from typing import Final

from reconstructed.autoencoder import VAE
from reconstructed.clip import SAFETY_CHECKER, TEXT_ENCODER
from reconstructed.model import Model, Published
from reconstructed.unet import UNET

_FORUM: Final = "forums.fast.ai, topic 101515"

STABLE_DIFFUSION: Final = Model(
    repo_id="CompVis/stable-diffusion-v1-4",
    architecture="StableDiffusionPipeline",
    parts=(UNET, TEXT_ENCODER, VAE, SAFETY_CHECKER),
    documents={
        "model_index.json": {
            "_class_name": "StableDiffusionPipeline",
            "_diffusers_version": "0.2.2",
            "feature_extractor": ["transformers", "CLIPFeatureExtractor"],
            "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
            "scheduler": ["diffusers", "PNDMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    },
    published=(
        Published(
            elements=859_520_964,
            what="parameters of its UNet",
            source="huggingface.js parse-safetensors-metadata.spec.ts",
            prefixes=("unet/",),
        ),
        Published(
            elements=123_060_480,
            what="parameters of its text encoder",
            source=_FORUM,
            prefixes=("text_encoder/",),
            without=".position_ids",
        ),
        Published(
            elements=83_653_863,
            what="of its VAE",
            source=_FORUM,
            prefixes=("vae/",),
        ),
        Published(
            elements=1_066_235_307,
            what="of these three",
            source=_FORUM,
            prefixes=("unet/", "text_encoder/", "vae/"),
            without=".position_ids",
        ),
    ),
    # a git-lfs pointer in github.com/wswplay/stable-diffusion-v1-4, a mirror
    file_sizes={"unet/diffusion_pytorch_model.safetensors": 3_438_167_536},
    remark="the same weights in other formats and precisions are not listed",
)
