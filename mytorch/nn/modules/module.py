"""What all modules share: they know their parameters, buffers and parts.

Written in chapter 2.4.
"""

from collections import OrderedDict, namedtuple
from collections.abc import Mapping

import numpy as np

from ...autograd import no_grad
from ...dtypes import float32, float64
from ...tensor import Tensor
from ...utils import hooks
from ..parameter import Parameter


class Module:
    """A part of a network, which may have parts: it keeps all that it learns.

    A subclass makes its parts in `__init__`, after `super().__init__()`, and computes
    in `forward`. Call the module itself, not `forward`: that runs the hooks, too.
    """

    def __init__(self):
        self.training = True
        self._parameters, self._buffers, self._modules = {}, {}, {}
        self._non_persistent_buffers_set = set()
        self._forward_pre_hooks, self._forward_hooks = OrderedDict(), OrderedDict()

    def forward(self, *input):
        """Compute the output; each module has its own way."""
        name = type(self).__name__
        message = f'Module [{name}] is missing the required "forward" function'
        raise NotImplementedError(message)

    def __setattr__(self, name, value):
        home = self._home(name)
        if isinstance(value, Parameter):
            self._evict(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module) and home != "_parameters":
            self._evict(name, "_modules")
            self.add_module(name, value)
        elif home is None:
            object.__setattr__(self, name, value)
        else:
            refuse_stranger(home, name, value)
            self.__dict__[home][name] = value

    def __getattr__(self, name):  # only called for what is not in __dict__
        home = self._home(name)
        if home is None:
            kind = type(self).__name__
            raise AttributeError(f"'{kind}' object has no attribute '{name}'")
        return self.__dict__[home][name]

    def _home(self, name):
        """Return which register has `name`, or None."""
        for home in HOMES:
            if name in self.__dict__.get(home, ()):
                return home

    def _evict(self, name, home):
        """Make room for a new entry in one register: the name means nothing else."""
        for place in (self.__dict__, *[self.__dict__.get(h, {}) for h in HOMES]):
            if place is not self.__dict__.get(home):
                place.pop(name, None)
        self.__dict__.get("_non_persistent_buffers_set", set()).discard(name)

    def __delattr__(self, name):
        home = self._home(name)
        if home is None:
            object.__delattr__(self, name)
        else:
            del self.__dict__[home][name]
            self._non_persistent_buffers_set.discard(name)

    def __dir__(self):
        names = [name for home in HOMES for name in self.__dict__.get(home, ())]
        return sorted({*object.__dir__(self), *names})

    def _check_name(self, kind, name, home):
        """Raise the error for a name that cannot be registered."""
        if home not in self.__dict__:
            message = f"cannot assign {kind} before Module.__init__() call"
            raise AttributeError(message)
        if not isinstance(name, str):
            message = f"{kind} name should be a string. Got {kind_of(name)}"
            raise TypeError(message)
        if hasattr(self, name) and name not in self.__dict__[home]:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def register_parameter(self, name, param):
        """Add a parameter that the module learns; None keeps the name free for one."""
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{kind_of(param)}' object to parameter '{name}' "
                "(mytorch.nn.Parameter or None required)"
            )
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that belongs to the module's state, but is not learned.

        persistent: whether it is part of `state_dict`.
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{kind_of(tensor)}' object to buffer '{name}' "
                "(mytorch Tensor or None required)"
            )
        self._buffers[name] = tensor
        change = set.discard if persistent else set.add
        change(self._non_persistent_buffers_set, name)

    def add_module(self, name, module):
        """Add a part; None keeps the name free for one."""
        self._check_name("module", name, "_modules")
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{kind_of(module)} is not a Module subclass")
        self._modules[name] = module

    def register_module(self, name, module):
        """Add a part; another name for `add_module`."""
        self.add_module(name, module)

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """Yield the module itself and all its parts, at any depth, with their names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate=True):
        """Yield the module itself and all its parts, at any depth."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self):
        """Yield the direct parts with their names, each part once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """Yield the direct parts."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, home, prefix, recurse, remove_duplicate):
        """Yield what one register holds, here and (recurse) in the parts."""
        seen, here = set(), [(prefix, self)]
        where = self.named_modules(None, prefix, remove_duplicate) if recurse else here
        for path, module in where:
            for name, member in module.__dict__[home].items():
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """Yield all parameters with their names; a shared one has only one."""
        yield from self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """Yield all parameters, each once: what an optimizer wants."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """Yield all buffers with their names."""
        yield from self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """Yield all buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target):
        """Return a part by its path, "encoder.0"; raise AttributeError without one."""
        module = self
        for name in target.split(".") if target else ():
            module = module._get(name, "_modules", "an nn.Module")
        return module

    def _get(self, name, home, role):
        if not hasattr(self, name):
            raise AttributeError(f"{type(self).__name__} has no attribute `{name}`")
        if name not in self.__dict__[home]:
            raise AttributeError(f"`{name}` is not {role}")
        return getattr(self, name)

    def get_parameter(self, target):
        """Return a parameter by its path; raise AttributeError if there is none."""
        path, _, name = target.rpartition(".")
        return self.get_submodule(path)._get(name, "_parameters", "an nn.Parameter")

    def get_buffer(self, target):
        """Return a buffer by its path; raise AttributeError if there is none."""
        path, _, name = target.rpartition(".")
        return self.get_submodule(path)._get(name, "_buffers", "a buffer")

    def train(self, mode=True):
        """Tell the module and all its parts that they are being trained."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """Tell the module and all its parts that they are being used, not trained."""
        return self.train(False)

    def apply(self, fn):
        """Call `fn` with each part, at any depth, then with the module itself."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def requires_grad_(self, requires_grad=True):
        """Let all parameters learn, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.detach_().zero_()

    def to(self, dtype):
        """Turn all floating point parameters and buffers, in place, into `dtype`.

        dtype: a floating point dtype, or a tensor that has it. Raises TypeError.
        """
        dtype = np.dtype(getattr(dtype, "dtype", dtype))
        if dtype.kind != "f":
            raise TypeError(
                "nn.Module.to only accepts floating point dtypes, but got desired "
                f"dtype=mytorch.{dtype.name}"
            )
        for t in [*self.parameters(), *self.buffers()]:
            if t.dtype.kind == "f":
                t.data = t.detach().to(dtype).data
                t.grad = None if t.grad is None else t.grad.detach().to(dtype)
        return self

    def float(self):
        """Turn all floating point parameters and buffers into float32."""
        return self.to(float32)

    def double(self):
        """Turn all floating point parameters and buffers into float64."""
        return self.to(float64)

    def half(self):
        """Turn all floating point parameters and buffers into float16."""
        return self.to("float16")

    def extra_repr(self):
        """Return what stands between the parentheses; each module has its own."""
        return ""

    def _part_lines(self):
        """Yield the text of each part."""
        for name, module in self._modules.items():
            yield f"({name}): " + repr(module).replace("\n", "\n  ")

    def __repr__(self):
        extra, parts = self.extra_repr(), list(self._part_lines())
        inner = extra
        if parts or "\n" in extra:
            lines = [*extra.split("\n"), *parts] if extra else parts
            inner = "\n  " + "\n  ".join(lines) + "\n"
        return f"{type(self).__name__}({inner})"

    def __call__(self, *args, **kwargs):
        """Run `forward`, between the hooks."""
        if not self._forward_pre_hooks and not self._forward_hooks:
            return self.forward(*args, **kwargs)
        for hook, named in list(self._forward_pre_hooks.values()):
            args, kwargs = before(hook, named, self, args, kwargs)
        out = self.forward(*args, **kwargs)
        for hook, named in list(self._forward_hooks.values()):
            result = hook(self, args, *([kwargs] if named else []), out)
            out = out if result is None else result
        return out

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call hook(module, args) before `forward`; what it returns replaces args.

        with_kwargs: call hook(module, args, kwargs) instead; it may return both.
        """
        return hang(self._forward_pre_hooks, hook, prepend, with_kwargs)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call hook(module, args, output) after `forward`; its result replaces output.

        with_kwargs: call hook(module, args, kwargs, output) instead.
        """
        return hang(self._forward_hooks, hook, prepend, with_kwargs)

    def state_dict(self, *, destination=None, prefix="", keep_vars=False):
        """Return all parameters and persistent buffers by name: the module's memory.

        They share memory with the module's. keep_vars: the very tensors, not detached.
        """
        state = OrderedDict() if destination is None else destination
        for path, module in self.named_modules(remove_duplicate=False):
            path = f"{prefix}{path}." if path else prefix
            for name, t in module._own_state():
                state[path + name] = t if keep_vars else t.detach()
        return state

    def _own_state(self):
        """Yield the parameters and persistent buffers that are here, not in a part."""
        for name, t in [*self._parameters.items(), *self._buffers.items()]:
            if t is not None and name not in self._non_persistent_buffers_set:
                yield name, t

    def load_state_dict(self, state_dict, strict=True):
        """Copy the values of a state into the parameters and buffers of that name.

        strict: missing and unexpected names are errors. Returns both lists. Raises
        RuntimeError that names all that does not fit; then nothing has been changed.
        """
        if not isinstance(state_dict, Mapping):
            kind = type(state_dict)
            raise TypeError(f"Expected state_dict to be dict-like, got {kind}.")
        own = self.state_dict(keep_vars=True)
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        found = [(k, state_dict[k], t) for k, t in own.items() if k in state_dict]
        faults = names_of("Missing", missing) + names_of("Unexpected", unexpected)
        faults = faults if strict else []
        faults += filter(None, [misfit(*each) for each in found])
        if faults:
            head = f"Error(s) in loading state_dict for {type(self).__name__}:"
            raise RuntimeError("\n\t".join([head, *faults]))
        with no_grad():
            for _, value, t in found:
                t.copy_(value)
        return IncompatibleKeys(missing, unexpected)


HOMES = ("_parameters", "_buffers", "_modules")


def kind_of(value):
    """Return the type as an error message names it."""
    return type(value).__name__


def refuse_stranger(home, name, value):
    """Raise TypeError if `value` cannot take the place of a registered one."""
    buffer = home == "_buffers" and isinstance(value, Tensor)
    if value is not None and not buffer:
        role, wanted = {
            "_parameters": ("parameter", "mytorch.nn.Parameter"),
            "_buffers": ("buffer", "mytorch.Tensor"),
            "_modules": ("child module", "mytorch.nn.Module"),
        }[home]
        raise TypeError(
            f"cannot assign '{kind_of(value)}' as {role} '{name}' ({wanted} or None "
            "expected)"
        )


def before(hook, named, module, args, kwargs):
    """Run a hook before `forward`; return the arguments, which it may have changed."""
    result = hook(module, args, *([kwargs] if named else []))
    if result is None:
        return args, kwargs
    if named:
        return result
    return (result if isinstance(result, tuple) else (result,)), kwargs


def hang(register, hook, prepend, with_kwargs):
    """Put a hook among others; return the handle that takes it off again."""
    handle = hooks.add(register, (hook, with_kwargs))
    if prepend:
        register.move_to_end(handle.id, last=False)
    return handle


class IncompatibleKeys(namedtuple("IncompatibleKeys", "missing_keys unexpected_keys")):
    """The names that a state lacks, and those that nobody knows."""

    def __repr__(self):
        return super().__repr__() if any(self) else "<All keys matched successfully>"


def names_of(kind, keys):
    """Return one line that lists keys, or none at all."""
    names = ", ".join(f'"{key}"' for key in keys)
    return [f"{kind} key(s) in state_dict: {names}. "] if keys else []


def misfit(name, value, t):
    """Return what is wrong with a value for the tensor `t`, or None."""
    if not isinstance(value, Tensor):
        return (
            f'While copying the parameter named "{name}", expected mytorch.Tensor '
            f"from checkpoint but received {type(value)}"
        )
    if value.shape != t.shape:
        return (
            f"size mismatch for {name}: copying a param with shape {value.shape} from "
            f"checkpoint, the shape in current model is {t.shape}."
        )
