"""Modules that hold modules.

Written in chapter 2.4.
"""

import operator
from collections import OrderedDict
from itertools import groupby, islice

from .module import Module


def position(index, length):
    """Return an index counted from the front; raise IndexError if there is none."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length


class Listed(Module):
    """What Sequential and ModuleList share: modules under the names "0", "1", ..."""

    def _fill(self, modules):
        """Let these be the parts, in this order."""
        self._modules.clear()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)
        return self

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def _name(self, index):
        """Return the name of the part at a position."""
        i = position(index, len(self))
        return next(islice(self._modules, i, None))

    def __setitem__(self, index, module):
        setattr(self, self._name(index), module)

    def append(self, module):
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Add modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index, module):
        """Put a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        return self._fill(modules)

    def pop(self, index):
        """Take a module out and return it."""
        module = self[index]
        del self[index]
        return module

    def __delitem__(self, index):
        modules = list(self)
        del modules[index]
        self._fill(modules)


class Sequential(Listed):
    """Modules one after the other: each gets what the one before returned.

    Takes modules, or one OrderedDict of names and modules.
    """

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self._fill(args)

    def forward(self, input):
        """Return the output of the last module."""
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]


class ModuleList(Listed):
    """A list of modules that knows their parameters. It has no `forward`."""

    def __init__(self, modules=None):
        super().__init__()
        self.extend(() if modules is None else modules)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._name(index)]

    def _part_lines(self):
        texts = [repr(module) for module in self]
        for text, run in groupby(range(len(self)), texts.__getitem__):
            first, *_, last = [*run] * 2
            name, times = str(first), ""
            if last > first:
                name, times = f"{first}-{last}", f"{last - first + 1} x "
            yield f"({name}): {times}" + text.replace("\n", "\n  ")


class ModuleDict(Module):
    """A dictionary of modules that knows their parameters. It has no `forward`."""

    def __init__(self, modules=None):
        super().__init__()
        self.update({} if modules is None else modules)

    def update(self, modules):
        """Add modules from a dictionary, or from pairs of names and modules."""
        for name, module in dict(modules).items():
            self[name] = module

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def keys(self):
        """Return the names."""
        return self._modules.keys()

    def values(self):
        """Return the modules."""
        return self._modules.values()

    def items(self):
        """Return the pairs of name and module."""
        return self._modules.items()

    def clear(self):
        """Drop all modules."""
        self._modules.clear()

    def pop(self, key):
        """Take a module out and return it."""
        return self._modules.pop(key)
