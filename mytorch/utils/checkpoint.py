"""Less memory for more time: forget what a part of a computation kept, and redo it.

Written in chapter 2.3c.
"""

from ..autograd import enable_grad, origin
from ..random import default_generator
from ..tensor import CHANGED, Tensor, revived
from ..versions import watchers, writes


def tracked(function, args, kwargs):
    """Return function(*args, **kwargs), and the nodes of all steps on the way."""
    nodes = []

    def watch(out, inputs):
        if out.grad_fn is not None and out.grad_fn not in nodes[-1:]:
            nodes.append(out.grad_fn)

    watchers.append(watch)
    try:
        return function(*args, **kwargs), nodes
    finally:
        watchers.remove(watch)


def pinned(x):
    """Return what a tensor is now: later changes of its past do not matter."""
    if not isinstance(x, Tensor):
        return x
    return revived(x.data, origin(x) if x.requires_grad else None)


def checkpoint(function, *args, use_reentrant=False, preserve_rng_state=True, **kwargs):
    """Return function(*args, **kwargs), but keep nothing for the way back: there it is
    computed a second time, with the same random numbers (Chen and others, 2016).

    Raises RuntimeError in the walk if the second time takes other steps.
    """
    state = default_generator.get_state()
    args, born = [pinned(x) for x in args], writes.count
    outputs, nodes = tracked(function, args, kwargs)

    def redo():
        refuse_changed(args, born)
        now = default_generator.get_state()
        if preserve_rng_state:
            default_generator.set_state(state)
        with enable_grad():
            _, again = tracked(function, args, kwargs)
        default_generator.set_state(now)
        restore(nodes, again)

    for node in nodes:
        node.arrays = node.pullback = None
        node.forgotten = redo
    return outputs


def refuse_changed(args, born):
    """Raise RuntimeError if what went in has been written into since."""
    for x in args:
        name = writes.since(born, x.data) if isinstance(x, Tensor) else None
        if name is not None:
            raise RuntimeError(CHANGED.format("checkpoint", x.dtype, x.shape, name))


def restore(nodes, again):
    """Give nodes back what they kept, from the nodes of a second run."""
    if [node.name() for node in nodes] != [node.name() for node in again]:
        raise RuntimeError(
            "checkpoint: a different number of tensors was saved during the original "
            "forward and recomputation: the function did not take the same steps twice"
        )
    for node, twin in zip(nodes, again, strict=True):
        if node.edges is not None:  # not freed yet
            node.arrays, node.pullback = twin.arrays, twin.pullback
            node.born = twin.born
        node.forgotten = None
