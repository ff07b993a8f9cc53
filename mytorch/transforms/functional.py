"""Changes to pictures: tensors of shape (..., channels, height, width).

Written in chapter 3.2.
"""

import math

import numpy as np

from ..dtypes import get_default_dtype
from ..nn import functional as F
from ..ops.pointwise import minimum, where
from ..ops.shape import stack
from ..tensor import Tensor


def refuse_other(img):
    """Raise TypeError for what is no tensor with rows and columns."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    if img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")


def to_tensor(pic):
    """Return an array (H, W, C) or (H, W) as a tensor (C, H, W).

    Bytes (uint8) become floats between 0 and 1, other numbers stay. Raises TypeError
    for what is no array, ValueError for another number of dimensions.
    """
    if not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if pic.ndim not in (2, 3):
        few = f"Got {pic.ndim} dimensions."
        raise ValueError(f"pic should be 2/3 dimensional. {few}")
    pic = pic[:, :, None] if pic.ndim == 2 else pic
    img = Tensor(np.ascontiguousarray(np.transpose(pic, (2, 0, 1))))
    return img.to(get_default_dtype()) / 255 if pic.dtype == np.uint8 else img


def hflip(img):
    """Return the picture with left and right exchanged."""
    refuse_other(img)
    return img.flip(-1)


def vflip(img):
    """Return the picture with top and bottom exchanged."""
    refuse_other(img)
    return img.flip(-2)


def normalize(tensor, mean, std, inplace=False):
    """Return (tensor - mean) / std; mean and std have a number for each channel.

    Raises TypeError if it does not hold floats, ValueError without channels or if a
    std is 0.
    """
    refuse_other(tensor)
    dtype = tensor.dtype
    if dtype.kind != "f":
        raise TypeError(f"Input tensor should be a float tensor. Got {dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got "
            f"tensor.size() = {tensor.shape}"
        )
    mean, std = (np.asarray(x, dtype).reshape(-1, 1, 1) for x in (mean, std))
    if not std.all():
        what = f"std evaluated to zero after conversion to {dtype}"
        raise ValueError(f"{what}, leading to division by zero.")
    img = tensor if inplace else tensor.clone()
    return img.sub_(Tensor(mean)).div_(Tensor(std))


def margins(padding):
    """Return left, top, right, bottom, from one number, from two or from four.

    Raises TypeError or ValueError for anything else.
    """
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    values = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(values) not in (1, 2, 4):
        raise ValueError(
            "Padding must be an int or a 1, 2, or 4 element tuple, not a "
            f"{len(values)} element tuple"
        )
    return values * (4 // len(values))


def continued(size, pair, mode):
    """Return which row continues a picture at each place, from `pair[0]` before it.

    Raises RuntimeError where a picture is too small to be mirrored so far.
    """
    if max(pair) > size - (mode == "reflect") and mode != "edge":
        rule = "should be less than the corresponding input dimension"
        raise RuntimeError(f"Padding size {rule}, but got: padding {pair} of {size}")
    return Tensor(np.pad(np.arange(size), pair, mode))


def pad(img, padding, fill=0, padding_mode="constant"):
    """Return the picture with a margin around it.

    padding: one number; (left and right, top and bottom); or (left, top, right,
    bottom). padding_mode: "constant" (`fill`), "edge" (the last row again), "reflect"
    (mirrored) or "symmetric" (mirrored, the last row twice). Raises TypeError,
    ValueError, RuntimeError for what makes no sense.
    """
    refuse_other(img)
    left, top, right, bottom = margins(padding)
    if not isinstance(fill, (int, float)):
        raise TypeError("Got inappropriate fill arg")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        modes = "constant, edge, reflect or symmetric"
        raise ValueError(f"Padding mode should be either {modes}")
    if padding_mode == "constant":
        return F.pad(img, (left, right, top, bottom), value=fill)
    for dim, pair in [(-2, (top, bottom)), (-1, (left, right))]:
        rows = continued(img.shape[dim], pair, padding_mode)
        img = img.index_select(dim, rows)
    return img


def crop(img, top, left, height, width):
    """Return a part of the picture; what lies outside of it is 0."""
    refuse_other(img)
    h, w = img.shape[-2:]
    before, after = (-left, -top), (left + width - w, top + height - h)
    outside = [max(n, 0) for n in (*before, *after)]
    img = pad(img, outside) if any(outside) else img
    top, left = max(top, 0), max(left, 0)
    return img[..., top : top + height, left : left + width]


def beginning(size, wanted):
    """Return where `wanted` rows begin in the middle of `size`; below 0, outside."""
    return round((size - wanted) / 2) if size > wanted else -((wanted - size) // 2)


def center_crop(img, output_size):
    """Return the middle of the picture, of one size or (height, width)."""
    refuse_other(img)
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,)
    height, width = sizes * 2 if len(sizes) == 1 else sizes
    top, left = map(beginning, img.shape[-2:], (height, width))
    return crop(img, top, left, height, width)


def refuse_channels(img):
    """Raise TypeError unless there are 1 or 3 channels."""
    refuse_other(img)
    channels = img.shape[-3] if img.ndim > 2 else 1
    if channels not in (1, 3):
        wrong = f"permitted channel values are [1, 3], but found {channels}"
        raise TypeError(f"Input image tensor {wrong}")


def rgb_to_grayscale(img, num_output_channels=1):
    """Return how bright each pixel is, as one channel or as three that are alike.

    Raises TypeError unless the picture has 1 or 3 channels.
    """
    refuse_channels(img)
    if img.ndim < 3:
        few = f"should have at least 3 dimensions, but found {img.ndim}"
        raise TypeError(f"Input image tensor {few}")
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 3:
        red, green, blue = img[..., :1, :, :], img[..., 1:2, :, :], img[..., 2:, :, :]
        img = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype)
    return img.expand(*img.shape[:-3], num_output_channels, *img.shape[-2:])


def refuse_factor(name, factor, low=0, high=math.inf):
    """Raise ValueError for a factor, or a tensor of them, outside of its bounds."""
    values = factor.data if isinstance(factor, Tensor) else factor
    if np.any(values < low) or np.any(values > high):
        rule = "non-negative" if high == math.inf else f"in [{low}, {high}]"
        raise ValueError(f"{name}_factor ({factor}) is not {rule}.")


def white(dtype):
    """Return the value of the brightest pixel."""
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def blend(img, other, factor):
    """Return the picture at factor 1, another at 0, a mixture between, more beyond."""
    mixed = factor * img + (1 - factor) * other
    return mixed.clamp(0, white(img.dtype)).to(img.dtype)


def adjust_brightness(img, brightness_factor):
    """Return the picture times the factor: 0 is black, 1 as it was, 2 twice as bright.

    The factor may be a tensor that broadcasts, here and in what follows. Raises
    ValueError for one below 0, TypeError unless there are 1 or 3 channels.
    """
    refuse_factor("brightness", brightness_factor)
    refuse_channels(img)
    return blend(img, 0, brightness_factor)


def adjust_contrast(img, contrast_factor):
    """Return the picture at factor 1; at 0 all gray, as bright as it is on average."""
    refuse_factor("contrast", contrast_factor)
    gray = rgb_to_grayscale(img)
    gray = gray if gray.dtype.kind == "f" else gray.to(get_default_dtype())
    return blend(img, gray.mean((-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img, saturation_factor):
    """Return the picture at factor 1; at 0 without color, at 2 with twice as much."""
    refuse_factor("saturation", saturation_factor)
    refuse_channels(img)
    gray = img.ndim < 3 or img.shape[-3] == 1
    return img if gray else blend(img, rgb_to_grayscale(img), saturation_factor)


def to_hsv(img):
    """Return hue (from 0 to 1), saturation and value of (..., 3, H, W)."""
    red, green, blue = img.unbind(-3)
    value = img.amax(-3)
    chroma = value - img.amin(-3)
    span = where(chroma == 0, 1.0, chroma)
    least = where(value == green, 2 + (blue - red) / span, 4 + (red - green) / span)
    hue = where(value == red, (green - blue) / span, least)
    return hue / 6 % 1, chroma / where(value == 0, 1.0, value), value


def from_hsv(hue, saturation, value):
    """Return the picture (..., 3, H, W); a channel is a trapezoid over the hue."""
    channels = []
    for n in (5, 3, 1):
        k = (n + 6 * hue) % 6
        lack = minimum(k, 4 - k).clamp(0, 1)
        channels.append(value - value * saturation * lack)
    return stack(channels, -3)


def adjust_hue(img, hue_factor):
    """Return the picture with its colors moved around the circle of colors.

    hue_factor: from -0.5 to 0.5, half the circle. Raises ValueError outside of that,
    TypeError unless there are 1 or 3 channels.
    """
    refuse_factor("hue", hue_factor, -0.5, 0.5)
    refuse_channels(img)
    if img.ndim < 3 or img.shape[-3] == 1:
        return img
    whole = img.dtype.kind != "f"
    colors = img.to(get_default_dtype()) / white(img.dtype) if whole else img
    hue, saturation, value = to_hsv(colors)
    if isinstance(hue_factor, Tensor) and hue_factor.ndim > 2:
        hue_factor = hue_factor.squeeze(-3)
    moved = from_hsv((hue + hue_factor) % 1, saturation, value)
    # as torchvision rounds: the largest float below 256 steps becomes 255
    return (moved * (white(img.dtype) + 0.999)).to(img.dtype) if whole else moved
