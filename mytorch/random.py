"""Random numbers: where they come from, and how to get the same ones again.

Written in chapter 2.3b.
"""

import numpy as np

from .tensor import Tensor


class Generator:
    """A source of random numbers; its state is its own."""

    # what the state is made of, and how many bytes each number takes
    SIZES = {"state": 16, "inc": 16, "has_uint32": 1, "uinteger": 4, "seed": 8}

    def __init__(self, device="cpu"):
        self.manual_seed(67280421310721)  # what a new generator starts with in PyTorch

    def manual_seed(self, seed):
        """Begin anew: the same seed gives the same numbers. Return the generator."""
        self._seed = int(seed) % 2**64
        self.numpy = np.random.default_rng(self._seed)
        return self

    def seed(self):
        """Begin anew with a seed that nobody can foresee; return it."""
        return self.manual_seed(np.random.SeedSequence().entropy).initial_seed()

    def initial_seed(self):
        """Return the seed that it began with."""
        return self._seed

    def get_state(self):
        """Return where it stands: a tensor of bytes, a copy."""
        state = self.numpy.bit_generator.state
        values = {**state, **state["state"], "seed": self._seed}
        parts = [values[name].to_bytes(n, "little") for name, n in self.SIZES.items()]
        return Tensor(np.frombuffer(b"".join(parts), np.uint8).copy())

    def set_state(self, new_state):
        """Go on from a state that get_state returned; return the generator.

        Raises TypeError if it is no tensor of bytes, RuntimeError if its size is wrong.
        """
        if not isinstance(new_state, Tensor) or new_state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor, a tensor of uint8")
        if new_state.numel() != sum(self.SIZES.values()):
            raise RuntimeError(f"RNG state has the wrong size: {new_state.numel()}")
        data, values = new_state.numpy().tobytes(), {}
        for name, n in self.SIZES.items():
            values[name], data = int.from_bytes(data[:n], "little"), data[n:]
        self.manual_seed(values.pop("seed"))
        inner = {"state": values.pop("state"), "inc": values.pop("inc")}
        state = self.numpy.bit_generator.state
        self.numpy.bit_generator.state = {**state, **values, "state": inner}
        return self


default_generator = Generator()  # of all functions that are not given another
default_generator.seed()


def manual_seed(seed):
    """Begin the random numbers anew: the same seed gives the same numbers."""
    return default_generator.manual_seed(seed)


def seed():
    """Begin the random numbers anew, with a seed nobody can foresee; return it."""
    return default_generator.seed()


def initial_seed():
    """Return the seed that the random numbers began with."""
    return default_generator.initial_seed()


def get_rng_state():
    """Return the state of the default generator."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Let the default generator go on from such a state."""
    default_generator.set_state(new_state)
