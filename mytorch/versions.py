"""Changes in place: who wrote where, and when; and what a function has kept.

Written in chapter 2.3c.
"""

import dis
import itertools
import weakref
from types import CodeType


def memory(array):
    """Return the array that owns the memory which `array` looks at."""
    while isinstance(base := getattr(array, "base", None), type(array)):
        array = base
    return array


class Writes:
    """A clock that ticks at every change in place, and the last tick of each array."""

    def __init__(self):
        self.count, self.ticks = 0, itertools.count(1)
        self.last = {}  # id of the owner -> (tick, how many, by which operation, owner)

    def note(self, array, name):
        """Remember that an operation has just written into `array`."""
        owner = memory(array)
        key = id(owner)
        alive = weakref.ref(owner, lambda _: self.last.pop(key, None))
        self.count = next(self.ticks)
        self.last[key] = self.count, self.of(owner) + 1, name, alive

    def of(self, array):
        """Return how often the memory of `array` has been written into."""
        return self.last.get(id(memory(array)), (0, 0))[1]

    def since(self, moment, array):
        """Return which operation has written into `array` after a moment, or None."""
        tick, _, name, _ = self.last.get(id(memory(array)), (0, 0, None, None))
        return name if tick > moment else None


writes = Writes()
watchers = []  # functions that are shown each result, and what went in


def reads(function, idle=()):
    """Return what a function has kept and will read.

    idle: code of inner functions that nobody will call; what only they read is not.
    """
    code = function.__code__
    inner = {c for c in code.co_consts if isinstance(c, CodeType)}
    names = set(code.co_freevars)
    if inner & set(idle):  # what it reads itself, and what its other functions read
        names = {i.argval for i in dis.get_instructions(code) if "DEREF" in i.opname}
        names |= {name for c in inner - set(idle) for name in c.co_freevars}
    pairs = zip(code.co_freevars, function.__closure__ or (), strict=True)
    return [cell.cell_contents for name, cell in pairs if name in names]


def arrays_in(x, idle=()):
    """Return all arrays in what was kept: in sequences and in functions, too."""
    found, seen, stack = [], set(), [x]
    while stack:
        x = stack.pop()
        if hasattr(x, "dtype") and hasattr(x, "shape"):
            found.append(x)
        elif isinstance(x, (tuple, list)):
            stack.extend(x)
        elif hasattr(x, "func"):  # functools.partial
            stack.extend((x.func, *x.args))
        elif hasattr(x, "__code__") and id(x) not in seen:
            seen.add(id(x))
            stack.extend(reads(x, idle))
    return found
