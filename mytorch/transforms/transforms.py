"""Transforms: objects that change a picture, many of them at random.

Written in chapter 3.2.
"""

from ..creation import arange, rand, randint, randperm
from ..nn import Module
from ..ops.pointwise import where
from . import functional as F


class Compose:
    """Several transforms, one after another."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        lines = [f"    {transform}" for transform in self.transforms]
        return "\n".join(["Compose(", *lines, ")"])


class ToTensor:
    """An array (H, W, C) as a tensor (C, H, W); see `functional.to_tensor`."""

    def __call__(self, pic):
        return F.to_tensor(pic)

    def __repr__(self):
        return "ToTensor()"


class Lambda:
    """Any function of a picture. Raises TypeError for what cannot be called."""

    def __init__(self, lambd):
        if not callable(lambd):
            kind = repr(type(lambd).__name__)
            raise TypeError(f"Argument lambd should be callable, got {kind}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return "Lambda()"


class Normalize(Module):
    """Subtracts a mean and divides by a std, one for each channel."""

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor):
        """Return the result; see `functional.normalize`."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self):
        return f"Normalize(mean={self.mean}, std={self.std})"


def numbers_for(img, each):
    """Return the shape of random numbers: one in all, or one for each picture."""
    return (*img.shape[:-3], 1, 1, 1) if each else (1,)


class RandomHorizontalFlip(Module):
    """Exchanges left and right with probability `p`.

    each: draw for each picture of a batch, not once for all of them.
    """

    flip = staticmethod(F.hflip)

    def __init__(self, p=0.5, *, each=False):
        super().__init__()
        self.p, self.each = p, each

    def forward(self, img):
        """Return the picture, or its mirror image."""
        flipped = self.flip(img)
        return where(rand(numbers_for(img, self.each)) < self.p, flipped, img)

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p})"


class RandomVerticalFlip(RandomHorizontalFlip):
    """Exchanges top and bottom with probability `p`."""

    flip = staticmethod(F.vflip)


def height_and_width(size):
    """Return two numbers, from one or two. Raises ValueError for more."""
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (int(size),)
    if len(sizes) not in (1, 2):
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return sizes * 2 if len(sizes) == 1 else sizes


class CenterCrop(Module):
    """Cuts out the middle, of one size or (height, width)."""

    def __init__(self, size):
        super().__init__()
        self.size = height_and_width(size)

    def forward(self, img):
        """Return the middle; see `functional.center_crop`."""
        return F.center_crop(img, self.size)

    def __repr__(self):
        return f"CenterCrop(size={self.size})"


class RandomCrop(Module):
    """Cuts out a part of `size` at a random place, after padding.

    padding, fill, padding_mode: as in `functional.pad`. pad_if_needed: pad pictures
    that are too small. each: another place for each picture of a batch.
    """

    def __init__(
        self,
        size,
        padding=None,
        pad_if_needed=False,
        fill=0,
        padding_mode="constant",
        *,
        each=False,
    ):
        super().__init__()
        self.size, self.padding = height_and_width(size), padding
        self.pad_if_needed, self.fill = pad_if_needed, fill
        self.padding_mode, self.each = padding_mode, each

    def __repr__(self):
        return f"RandomCrop(size={self.size}, padding={self.padding})"

    def _padded(self, img):
        settings = self.fill, self.padding_mode
        if self.padding is not None:
            img = F.pad(img, self.padding, *settings)
        if self.pad_if_needed:
            pairs = zip(self.size, img.shape[-2:], strict=True)
            lack = [max(n - m, 0) for n, m in pairs]
            img = F.pad(img, lack[::-1], *settings) if any(lack) else img
        return img

    @staticmethod
    def get_params(img, output_size):
        """Return top, left, height and width of a part at a random place.

        Raises ValueError if the picture is smaller.
        """
        places = places_for(img, output_size, 1)
        return (*[place.item() for place in places], *output_size)

    def forward(self, img):
        """Return the part."""
        F.refuse_other(img)
        img = self._padded(img)
        if not self.each:
            return F.crop(img, *self.get_params(img, self.size))
        flat = img.reshape(-1, *img.shape[-3:])
        places = places_for(flat, self.size, len(flat))
        return cut_out(flat, *places, self.size).reshape(*img.shape[:-2], *self.size)


def places_for(img, size, n):
    """Return the tops and the lefts of `n` parts at random places.

    Raises ValueError if the picture is smaller than a part.
    """
    room = [a - b for a, b in zip(img.shape[-2:], size, strict=True)]
    if min(room) < 0:
        sizes = f"{tuple(size)} is larger than input image size {img.shape[-2:]}"
        raise ValueError(f"Required crop size {sizes}")
    return [randint(0, most + 1, (n,)) for most in room]


def cut_out(img, tops, lefts, size):
    """Return one part of each of n pictures (n, C, H, W): (n, C, *size)."""
    n, channels = img.shape[:2]
    rows = tops.reshape(n, 1, 1, 1) + arange(size[0]).reshape(-1, 1)
    columns = lefts.reshape(n, 1, 1, 1) + arange(size[1])
    which = arange(n).reshape(n, 1, 1, 1), arange(channels).reshape(-1, 1, 1)
    return img[(*which, rows, columns)]


def span(name, value, center=1, bound=(0, float("inf"))):
    """Return (least, most) of a factor, from how far it may be from the center.

    None if that is nowhere. Raises ValueError and TypeError for other values.
    """
    if isinstance(value, (int, float)):
        if value < 0:
            rule = "must be non negative"
            raise ValueError(f"If {name} is a single number, it {rule}.")
        low = center - value
        value = [max(low, 0) if center else low, center + value]
    elif not isinstance(value, (tuple, list)) or len(value) != 2:
        kinds = "a single number or a list/tuple with length 2"
        raise TypeError(f"{name} should be {kinds}.")
    low, high = map(float, value)
    if not bound[0] <= low <= high <= bound[1]:
        wrong = f"between {bound}, but got {[low, high]}"
        raise ValueError(f"{name} values should be {wrong}.")
    return None if low == high == center else (low, high)


class ColorJitter(Module):
    """Changes brightness, contrast, saturation and hue at random, in a random order.

    A number v draws the factor from 1 - v to 1 + v (the hue's from -v to v), a pair
    from between the two. each: draw for each picture of a batch; the order is one.
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0, *, each=False):
        super().__init__()
        self.brightness = span("brightness", brightness)
        self.contrast = span("contrast", contrast)
        self.saturation = span("saturation", saturation)
        self.hue = span("hue", hue, center=0, bound=(-0.5, 0.5))
        self.each = each

    def forward(self, img):
        """Return the picture in other colors."""
        F.refuse_other(img)
        names = "brightness", "contrast", "saturation", "hue"
        for i in randperm(4).tolist():
            if (bounds := getattr(self, names[i])) is not None:
                low, high = bounds
                factor = low + (high - low) * rand(numbers_for(img, self.each))
                img = getattr(F, f"adjust_{names[i]}")(img, factor)
        return img

    def __repr__(self):
        names = "brightness", "contrast", "saturation", "hue"
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"ColorJitter({shown})"
