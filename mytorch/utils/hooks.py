"""Handles on functions that are called along the way.

Written in chapter 2.3c.
"""

import itertools


class RemovableHandle:
    """Takes a hook away again: with `remove`, or at the end of a `with` block.

    hooks_dict: where the hook stands, under the number that is the handle's `id`.
    """

    numbers = itertools.count()

    def __init__(self, hooks_dict):
        self.hooks_dict, self.id = hooks_dict, next(self.numbers)

    def remove(self):
        """Take the hook away, if it is still there."""
        self.hooks_dict.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()


def add(hooks_dict, hook):
    """Put a hook at the end of a dictionary of hooks; return its handle."""
    handle = RemovableHandle(hooks_dict)
    hooks_dict[handle.id] = hook
    return handle
