"""Gradients that are cut down to size.

Written in chapter 2.10.
"""

import numpy as np

from ...tensor import Tensor
from ...versions import writes


def gradients(parameters):
    """Return the gradients that there are, of one tensor or of several."""
    several = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in several if p.grad is not None]


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False):
    """Return the norm of all elements of all tensors together, as a tensor.

    Raises RuntimeError if it is infinite or NaN and error_if_nonfinite is set.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not tensors:
        return Tensor(0.0)
    flat = [np.reshape(t.data, -1) for t in tensors]
    norms = np.stack([np.linalg.norm(x, float(norm_type)) for x in flat])
    total = np.linalg.norm(norms, float(norm_type))
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} for gradients from "
            "`parameters` is non-finite, so it cannot be clipped. To disable this "
            "error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return Tensor(total)


def clip_grads_with_norm_(parameters, max_norm, total_norm):
    """Multiply all gradients by max_norm / total_norm, in place, if that is below 1."""
    factor = np.minimum(max_norm / (total_norm.data + 1e-6), 1)
    for g in gradients(parameters):
        g.data *= factor
        writes.note(g.data, "clip_grads_with_norm_")


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False):
    """Shorten all gradients together to a norm of max_norm, in place, if it is more.

    Keeps their direction (Pascanu, Mikolov, Bengio 2013). Returns the norm before.
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm(gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_value_(parameters, clip_value):
    """Cut each element of each gradient to between -clip_value and clip_value."""
    for g in gradients(parameters):
        np.clip(g.data, -float(clip_value), float(clip_value), out=g.data)
        writes.note(g.data, "clip_grad_value_")
