"""Drawings of computations.

Written in chapter 2.2.
"""

from graphviz import Digraph

from ..tensor import Tensor, topological_order

SYMBOLS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "pow": "^", "neg": "−"}


def describe(t, name=""):
    """Return the text for the box of tensor `t`: name, operation, value, gradient."""
    op = SYMBOLS.get(t.grad_fn.op, t.grad_fn.op) if t.grad_fn is not None else ""
    title = f"{name}: {op}" if name and op else name or op
    lines = [title, f"{t.data:.4g}"]
    if t.grad is not None:
        lines.append(f"grad {t.grad.item():.4g}")
    return "\n".join(line for line in lines if line)


def make_dot(var, params=None):
    """Draw how tensor `var` was computed, as a graphviz.Digraph: inputs on top.

    params: names for tensors, as in {"w": w}.
    """
    names = {t: name for name, t in (params or {}).items()}
    dot = Digraph(graph_attr={"ranksep": "0.25"})
    dot.attr("node", shape="box", fontname="Helvetica", fontsize="13", height="0.3")
    boxes = {}

    def box(t):
        if t not in boxes:
            boxes[t] = str(len(boxes))
            style = "" if t.grad_fn is None else "rounded"
            dot.node(boxes[t], describe(t, names.get(t, "")), style=style)
        return boxes[t]

    for t in topological_order(var):
        end = box(t)
        for x in () if t.grad_fn is None else t.grad_fn.inputs:
            dot.edge(box(x if isinstance(x, Tensor) else Tensor(x)), end)
    return dot
