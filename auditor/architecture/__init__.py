"""What transformers and diffusers would build from a config, without a weight in memory."""
