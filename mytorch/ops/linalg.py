"""Products of matrices.

Written in chapters 2.3, 2.3b and 2.3c.
"""

import functools
import string

import numpy as np

from ..tensor import NUMPY, Tensor, method, op


@method("__matmul__", "matmul")
@op
def matmul(input, other):
    """Return the matrix product; of vectors and of stacks of matrices, too."""
    refuse_misfits(input, other)
    row, column = input.ndim == 1, other.ndim == 1
    a = input[None, :] if row else input  # a vector on the left is a row
    b = other[:, None] if column else other  # on the right it is a column

    def pullback(g):
        g = np.expand_dims(g, -1) if column else g
        g = np.expand_dims(g, -2) if row else g
        return (lambda: g @ np.swapaxes(b, -1, -2)), (lambda: grad_other(a, g, column))

    return input @ other, pullback


def grad_other(a, g, column):
    """Return the gradient of a matrix product's right factor."""
    y = np.swapaxes(a, -1, -2) @ g
    return y[..., 0] if column else y


def refuse_misfits(input, other):
    """Raise RuntimeError if two tensors have no matrix product."""
    if not hasattr(input, "dtype") or not hasattr(other, "dtype"):
        raise TypeError("matmul() takes two tensors; to multiply by a number, use *")
    a, b = input.shape, other.shape
    if not a or not b:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{len(a)}D and {len(b)}D"
        )
    if a[-1] != b[max(len(b) - 2, 0)]:
        sizes = " and ".join("x".join(map(str, shape)) for shape in (a, b))
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({sizes})")
    if input.dtype != other.dtype:
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{input.dtype.name} != {other.dtype.name}"
        )


NUMPY |= {np.matmul: matmul}


def contract(terms, result, operands):
    """Return the sum of products that subscripts say, of arrays or of tensors."""
    if any(isinstance(x, Tensor) for x in operands):
        return _einsum(terms, result, *operands)
    equation = ",".join(terms) + "->" + result
    return np.einsum(equation, *operands, optimize=len(operands) > 1)


def mirrored(terms, result, operands, k, g):
    """Return the gradient of operand k: its term and the result's change places."""
    x, target = operands[k], ""
    like = x.data if isinstance(x, Tensor) else x
    factors = list(zip(terms, operands, strict=True))
    factors[k] = (result, g)
    spare = [c for c in string.ascii_letters if c not in "".join([result, *terms])]
    for letter, n in zip(terms[k], x.shape, strict=True):
        if letter in target:  # a diagonal was read: write it
            twin = spare.pop()
            factors.append((letter + twin, np.eye(n, dtype=g.dtype, like=like)))
            letter = twin
        target += letter
    for letter, n in zip(target, x.shape, strict=True):
        sizes = [y.shape[t.index(letter)] for t, y in factors if letter in t]
        if n not in sizes:  # a sum over this operand alone: copies
            factors.append((letter, np.ones(n, g.dtype, like=like)))
    terms, operands = zip(*factors, strict=True)
    return contract(terms, target, operands)


@op
def _einsum(terms, result, *operands):
    def pullback(g):
        sides = range(len(operands))
        grad = functools.partial(mirrored, terms, result, operands)
        return None, None, *[functools.partial(grad, k, g) for k in sides]

    return contract(terms, result, operands), pullback


def einsum(equation, *operands):
    """Multiply and add up as an equation of subscripts says: "ij,jk->ik" is A @ B.

    Subscripts that the result lacks are summed over. Without an arrow, the result has
    those that occur once, in the order of the alphabet. A subscript twice in one
    operand reads a diagonal; `...` stands for further dimensions, which broadcast.
    Raises RuntimeError if equation and operands do not fit.
    """
    operands = operands[0] if isinstance(operands[0], (list, tuple)) else operands
    terms, result = parsed(equation, operands)
    refuse_sizes(terms, operands)
    same_dtypes("einsum", *operands)
    return _einsum(terms, result, *operands)


NUMPY |= {np.einsum: einsum}


def spelled(term, k, ndim, spare):
    """Return an operand's subscripts with `...` spelled out in spare letters."""
    letters = term.replace("...", "", 1)
    if not set(letters) <= set(string.ascii_letters):
        raise RuntimeError(
            f"einsum(): invalid subscript given for operand {k}: {term!r}; subscripts "
            "must be in [a-zA-Z], with `...` once at most"
        )
    hidden = ndim - len(letters)
    if hidden < 0 or (hidden and "..." not in term):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(letters)}) does "
            f"not match the number of dimensions ({ndim}) for operand {k}"
        )
    return term.replace("...", "".join(spare[len(spare) - hidden :]))


def refuse_sizes(terms, operands):
    """Raise RuntimeError if one subscript has two sizes; size 1 fits all."""
    seen = {}
    for k, (term, x) in enumerate(zip(terms, operands, strict=True)):
        for letter, n in zip(term, x.shape, strict=True):
            if 1 not in (n, seen.setdefault(letter, n)) and n != seen[letter]:
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {n} for operand {k} which "
                    f"does not broadcast with previously seen size {seen[letter]}"
                )
            seen[letter] = max(n, seen[letter]) if n else 0


def parsed(equation, operands):
    """Return the subscripts of each operand and of the result, all spelled out."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms, spare = left.split(","), [c for c in string.ascii_letters if c not in left]
    if len(terms) != len(operands):
        how = "more" if len(terms) < len(operands) else "fewer"
        message = f"{how} operands were provided than specified in the equation"
        raise RuntimeError(f"einsum(): {message}")
    pairs = zip(terms, operands, strict=True)
    terms = [spelled(term, k, x.ndim, spare) for k, (term, x) in enumerate(pairs)]
    all_letters = "".join(terms)
    dots = "".join(c for c in spare if c in all_letters)
    if not arrow:
        once = [c for c in all_letters if all_letters.count(c) == 1 and c not in dots]
        return terms, dots + "".join(sorted(once))
    result = result.replace("...", dots, 1)
    for c in result:
        if c not in all_letters:
            message = f"output subscript {c} does not appear in the equation"
            raise RuntimeError(f"einsum(): {message} for any input operand")
        if result.count(c) > 1:
            message = f"output subscript {c} appears more than once in the output"
            raise RuntimeError(f"einsum(): {message}")
    return terms, result


def same_dtypes(name, *tensors):
    """Raise RuntimeError if the tensors differ in dtype."""
    for t in tensors[1:]:
        if t.dtype != tensors[0].dtype:
            names = f"{tensors[0].dtype.name} but found {t.dtype.name}"
            raise RuntimeError(f"{name}: expected scalar type {names}")


@method
def dot(input, tensor):
    """Return the inner product of two vectors."""
    if input.ndim != 1 or tensor.ndim != 1:
        dims = f"{input.ndim}D and {tensor.ndim}D"
        raise RuntimeError(f"1D tensors expected, but got {dims} tensors")
    if len(input) != len(tensor):
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{len(input)}] and src "
            f"[{len(tensor)}] to have the same number of elements"
        )
    same_dtypes("dot", input, tensor)
    return matmul(input, tensor)


@method
def outer(input, vec2):
    """Return the table of all products of two vectors' elements."""
    for name, x in [("self", input), ("vec2", vec2)]:
        if x.ndim != 1:
            message = f"outer: Expected 1-D argument {name}, but got {x.ndim}-D"
            raise RuntimeError(message)
    return input[:, None] * vec2


def refuse_dims(name, *pairs):
    """Raise RuntimeError unless each tensor has as many dimensions as it should."""
    for t, ndim in pairs:
        if t.ndim != ndim:
            raise RuntimeError(f"{name}: expected a {ndim}D tensor, got {t.ndim}D")


@method
def mm(input, mat2):
    """Return the product of two matrices; no broadcasting."""
    refuse_dims("mm", (input, 2), (mat2, 2))
    return matmul(input, mat2)


@method
def mv(input, vec):
    """Return the product of a matrix and a vector."""
    refuse_dims("mv", (input, 2), (vec, 1))
    return matmul(input, vec)


@method
def bmm(input, mat2):
    """Return the products of two stacks of matrices of one length."""
    refuse_dims("bmm", (input, 3), (mat2, 3))
    if len(input) != len(mat2):
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: "
            f"[{len(input)}, {input.shape[2]}] but got: {list(mat2.shape[:2])}."
        )
    return matmul(input, mat2)


@method
def trace(input):
    """Return the sum of a matrix's diagonal."""
    refuse_dims("trace", (input, 2))
    return input.diagonal().sum()
