"""The tensors that a model learns.

Written in chapter 2.4.
"""

from ..creation import zeros
from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module learns: it needs a gradient, and modules know it.

    data: a tensor, whose memory it shares. Raises RuntimeError for whole numbers.
    """

    def __init__(self, data=None, requires_grad=True):
        data = zeros(0) if data is None else data
        super().__init__(data.data if isinstance(data, Tensor) else data, requires_grad)

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()
