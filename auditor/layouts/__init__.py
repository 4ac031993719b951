"""How logical weights are packed into stored tensors."""
