"""Drawings of computations.

Written in chapters 2.3 and 2.3c.
"""

from numbers import Real

from graphviz import Digraph

from ..autograd import keeper, origin, topological_order
from ..tensor import Tensor

SYMBOLS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "pow": "^", "neg": "−"}
SYMBOLS |= {"matmul": "@"}


def describe(t, name=""):
    """Return the text for the box of tensor `t`: name, operation, value, gradient.

    Of a tensor with many elements it tells the shape.
    """
    op = SYMBOLS.get(t.grad_fn.op, t.grad_fn.op) if t.grad_fn is not None else ""
    title = f"{name}: {op}" if name and op else name or op
    one = t.numel() == 1
    lines = [title, f"{t.item():.4g}" if one else " × ".join(map(str, t.shape))]
    if t.grad is not None:
        lines.append(f"grad {t.grad.item():.4g}" if one else "with grad")
    return "\n".join(line for line in lines if line)


def make_dot(var, params=None):
    """Draw how tensor `var` was computed, as a graphviz.Digraph: inputs on top.

    params: names for tensors, as in {"w": w}. Draw before `backward`, or keep the graph
    with retain_graph=True.
    """
    names = {key(t): name for name, t in (params or {}).items()}
    dot = Digraph(graph_attr={"ranksep": "0.25"})
    dot.attr("node", shape="box", fontname="Helvetica", fontsize="13", height="0.3")
    boxes = {}

    def box(t):
        if key(t) not in boxes:
            boxes[key(t)] = str(len(boxes))
            style = "" if t.grad_fn is None else "rounded"
            dot.node(boxes[key(t)], describe(t, names.get(key(t), "")), style=style)
        return boxes[key(t)]

    for t in tensors_of(var):
        end = box(t)
        for x in () if t.grad_fn is None else t.grad_fn.inputs:
            if isinstance(x, (Tensor, Real)) and not isinstance(x, bool):
                dot.edge(box(x if isinstance(x, Tensor) else Tensor(x)), end)
    return dot


def key(t):
    """Return what two tensors share if they are one box of a drawing."""
    return origin(t) if t.requires_grad else id(t.data)


def tensors_of(var):
    """Return a tensor for each node and leaf behind `var`, inputs first."""
    order, found = topological_order(var), {origin(var): var}
    for v in reversed(order):
        found[v] = found[v] if keeper(v) is None else keeper(v)
        for x in () if v.is_leaf else v.inputs:
            if isinstance(x, Tensor):
                found.setdefault(origin(x), x)
    return [found[v] for v in order]
