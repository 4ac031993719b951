"""Names of frameworks that write paths, as the rules know names: words between dots."""


def dotted(name: str) -> str:
    """`encoder/layer_0/kernel:0` as `encoder.layer_0.kernel`.

    TensorFlow's `:0` is the first output of the operation that holds a variable.
    """
    return name.removesuffix(":0").replace("/", ".")
