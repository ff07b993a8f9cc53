"""Transforms: values held against torchvision's (0.29.2, noted here), NumPy and colorsys; errors,
random draws for one picture and for each of a batch, gradients, datasets and workers.
"""

import colorsys
import inspect

import mytorch
import numpy as np
import pytest
from mytorch import nn, transforms
from mytorch.transforms import functional as F
from mytorch.utils.data import DataLoader, Dataset

# A picture of 2 x 2 bytes, and what torchvision makes of it
COLORS = [[[255, 10], [0, 90]], [[200, 20], [0, 30]], [[100, 250], [0, 60]]]
ADJUSTED = {
    ("brightness", 0.5): [127, 5, 0, 45, 100, 10, 0, 15, 50, 125, 0, 30],
    ("brightness", 1.7): [255, 17, 0, 153, 255, 34, 0, 51, 170, 255, 0, 102],
    ("contrast", 0.25): [119, 58, 56, 78, 106, 61, 56, 63, 81, 118, 56, 71],
    ("contrast", 2.0): [255, 0, 0, 105, 255, 0, 0, 0, 125, 255, 0, 45],
    ("saturation", 0.0): [205, 43, 0, 51, 205, 43, 0, 51, 205, 43, 0, 51],
    ("saturation", 1.5): [255, 0, 0, 109, 197, 8, 0, 19, 47, 255, 0, 64],
    ("hue", 0.2): [124, 250, 0, 90, 255, 10, 0, 72, 100, 212, 0, 30],
    ("hue", -0.5): [100, 250, 0, 30, 155, 240, 0, 90, 255, 10, 0, 60],
}
RANDOM = [
    lambda each: transforms.RandomHorizontalFlip(each=each),
    lambda each: transforms.RandomVerticalFlip(each=each),
    lambda each: transforms.RandomCrop(6, padding=2, each=each),
    lambda each: transforms.RandomCrop((4, 5), padding_mode="edge", each=each),
    lambda each: transforms.ColorJitter(0.4, 0.4, 0.4, 0.1, each=each),
]


@pytest.fixture(autouse=True)
def seed():
    mytorch.manual_seed(0)


def picture(*shape, dtype=np.float32):
    values = np.random.default_rng(1).uniform(size=shape or (3, 6, 7))
    return mytorch.from_numpy(values.astype(dtype))


# Functions


@pytest.mark.parametrize("key", ADJUSTED, ids=str)
def test_colors_of_bytes_are_torchvisions(key):
    name, factor = key
    x = mytorch.tensor(COLORS, dtype=mytorch.uint8)
    y = getattr(F, f"adjust_{name}")(x, factor)
    assert y.dtype == mytorch.uint8 and y.flatten().tolist() == ADJUSTED[key]
    assert x.tolist() == COLORS


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_factor_that_changes_nothing(name, dtype):
    x = picture(dtype=dtype)
    y = getattr(F, f"adjust_{name}")(x, 0 if name == "hue" else 1)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.data, x.data, atol=3e-3 if dtype == np.float16 else 1e-6)


@pytest.mark.parametrize("factor", [-0.5, -0.13, 0.0, 0.2, 0.5])
def test_hue_like_colorsys(factor):
    x = picture(dtype=np.float64)
    found = F.adjust_hue(x, factor).data
    for i, j in np.ndindex(6, 7):
        h, s, v = colorsys.rgb_to_hsv(*x.data[:, i, j])
        np.testing.assert_allclose(found[:, i, j], colorsys.hsv_to_rgb((h + factor) % 1, s, v))
    gray = mytorch.full((3, 2, 2), 0.4)
    np.testing.assert_allclose(F.adjust_hue(gray, factor).data, gray.data, rtol=1e-6)
    assert (F.adjust_hue(mytorch.zeros(3, 2, 2), factor) == 0).all()


def test_gray_pictures_keep_their_color():
    x = picture(1, 4, 4)
    assert F.adjust_hue(x, 0.3) is x and F.adjust_saturation(x, 0.3) is x
    assert F.rgb_to_grayscale(x, 3).shape == (3, 4, 4)
    weights = np.array([0.2989, 0.587, 0.114])
    x = picture(2, 3, 4, 4, dtype=np.float64)
    expected = np.einsum("c,ncij->nij", weights, x.data)[:, None]
    np.testing.assert_allclose(F.rgb_to_grayscale(x).data, expected)
    np.testing.assert_allclose(F.rgb_to_grayscale(x, 3).data, np.repeat(expected, 3, 1))


def test_factors_may_be_one_for_each_picture():
    x = picture(4, 3, 5, 5)
    factors = [0.1, 0.2, 0.3, 0.4]
    many = mytorch.tensor(factors).view(4, 1, 1, 1)
    for name in ("brightness", "contrast", "saturation", "hue"):
        adjust = getattr(F, f"adjust_{name}")
        together = adjust(x, many).data
        for i, factor in enumerate(factors):
            np.testing.assert_allclose(together[i], adjust(x[i], factor).data, atol=1e-6)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding", [1, (2,), (1, 2), [0, 1, 2, 3]])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64])
def test_padding_like_numpy(mode, padding, dtype):
    x = mytorch.from_numpy((picture().data * 200).astype(dtype))
    values = [padding] if isinstance(padding, int) else list(padding)
    left, top, right, bottom = values * (4 // len(values))
    fill = {"constant_values": 7} if mode == "constant" else {}
    expected = np.pad(x.data, [(0, 0), (top, bottom), (left, right)], mode, **fill)
    found = F.pad(x, padding, 7, mode)
    assert found.dtype == dtype and np.array_equal(found.data, expected)
    assert F.pad(x, padding, 7, mode)[0].shape == F.pad(x[0], padding, 7, mode).shape


@pytest.mark.parametrize("box", [(0, 0, 6, 7), (1, 2, 3, 4), (-2, 3, 5, 9), (4, -3, 8, 5)])
def test_what_is_outside_is_black(box):
    top, left, height, width = box
    x = picture()
    whole = np.pad(x.data, [(0, 0), (20, 20), (20, 20)])
    rows, columns = slice(20 + top, 20 + top + height), slice(20 + left, 20 + left + width)
    assert np.array_equal(F.crop(x, *box).data, whole[:, rows, columns])


def test_a_part_wholly_outside():
    assert F.crop(picture(), -9, -9, 2, 3).tolist() == mytorch.zeros(3, 2, 3).tolist()
    assert F.crop(picture(), 30, 0, 2, 3).shape == (3, 2, 3)


@pytest.mark.parametrize(
    "size, wanted, first", [(8, 4, 2), (9, 4, 2), (7, 4, 2), (8, 3, 2), (4, 8, -2), (4, 7, -1)]
)
def test_the_middle_like_torchvision(size, wanted, first):
    x = mytorch.arange(1, size + 1).view(1, size, 1).expand(1, size, size)
    found = F.center_crop(x, wanted)[0, :, wanted // 2].tolist()
    assert found == [i + 1 if 0 <= i < size else 0 for i in range(first, first + wanted)]
    assert F.center_crop(picture(), (3, 12)).shape == (3, 3, 12)
    assert transforms.CenterCrop((2,))(picture()).shape == (3, 2, 2)


def test_normalize_standardizes_each_channel():
    x = picture(5, 3, 4, 4, dtype=np.float64)
    mean, std = (0.1, 0.2, 0.3), [0.5, 1, 2]
    expected = (x.data - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    before = x.data.copy()
    np.testing.assert_allclose(transforms.Normalize(mean, std)(x).data, expected)
    assert np.array_equal(x.data, before)
    assert transforms.Normalize(mean, std, inplace=True)(x) is x
    np.testing.assert_allclose(x.data, expected)


def test_to_tensor():
    values = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    x = transforms.ToTensor()(values)
    assert x.shape == (3, 2, 4) and x.dtype == mytorch.float32
    np.testing.assert_allclose(x.data, values.transpose(2, 0, 1) / 255, rtol=1e-6)
    assert x.data.flags.c_contiguous
    assert F.to_tensor(values[:, :, 0]).shape == (1, 2, 4)
    assert F.to_tensor(values.astype(np.int32)).dtype == mytorch.int32


# Errors: torchvision's words


@pytest.mark.parametrize(
    "call, kind, words",
    [
        (lambda x: transforms.RandomCrop(9)(x), ValueError, r"Required crop size \(9, 9\) is la"),
        (lambda x: transforms.RandomCrop((1, 2, 3)), ValueError, "only two dimensions"),
        (lambda x: transforms.RandomCrop(3, padding=(1, 2, 3))(x), ValueError, "not a 3 element"),
        (lambda x: transforms.RandomCrop(3, 1, padding_mode="no")(x), ValueError, "Padding mode"),
        (lambda x: F.pad(x, "a"), TypeError, "Got inappropriate padding arg"),
        (lambda x: F.pad(x, 1, "b"), TypeError, "Got inappropriate fill arg"),
        (lambda x: F.pad(x, 6, 0, "reflect"), RuntimeError, "should be less than"),
        (lambda x: F.pad(x, 7, 0, "symmetric"), RuntimeError, "should be less than"),
        (lambda x: transforms.ColorJitter(-1), ValueError, "If brightness is a single number"),
        (lambda x: transforms.ColorJitter((1,)), TypeError, "list/tuple with length 2"),
        (lambda x: transforms.ColorJitter(contrast=(2, 1)), ValueError, r"contrast .* \[2.0, 1.0"),
        (lambda x: transforms.ColorJitter(hue=0.6), ValueError, r"\(-0.5, 0.5\), but got \[-0.6"),
        (lambda x: F.adjust_brightness(x, -1), ValueError, r"brightness_factor \(-1\) is not non"),
        (lambda x: F.adjust_hue(x, 0.7), ValueError, r"hue_factor \(0.7\) is not in \[-0.5, 0.5\]"),
        (lambda x: F.adjust_saturation(x[:2], 1), TypeError, "permitted channel .* found 2"),
        (lambda x: F.rgb_to_grayscale(x, 2), ValueError, "either 1 or 3"),
        (lambda x: F.rgb_to_grayscale(x[0]), TypeError, "at least 3 dimensions"),
        (lambda x: F.normalize(x, 0.5, 0), ValueError, "leading to division by zero"),
        (lambda x: F.normalize(x.long(), 0.5, 1), TypeError, "should be a float tensor"),
        (lambda x: F.normalize(x[0], 0.5, 1), ValueError, r"image of size \(..., C, H, W\)"),
        (lambda x: F.normalize(x, [1, 2], [1, 2]), RuntimeError, "size of tensor"),
        (lambda x: F.to_tensor(x), TypeError, "pic should be PIL Image or ndarray"),
        (lambda x: F.to_tensor(np.zeros(3)), ValueError, "pic should be 2/3 dimensional. Got 1"),
        (lambda x: transforms.Lambda(1), TypeError, "lambd should be callable, got 'int'"),
        (lambda x: F.hflip(x.data), TypeError, "img should be Tensor Image"),
        (lambda x: transforms.ColorJitter(0.1)(1), TypeError, "img should be Tensor Image"),
        (lambda x: F.vflip(x[0, 0]), TypeError, "Tensor is not a torch image"),
    ],
)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(picture())


# Random ones


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("make", RANDOM)
@pytest.mark.parametrize("lead", [(), (4,), (2, 3), (0,)])
def test_a_seed_repeats_and_the_input_stays(make, each, lead):
    transform, x = make(each), picture(*lead, 3, 6, 6)
    before = x.data.copy()
    results = []
    for _ in range(2):
        mytorch.manual_seed(5)
        results.append([transform(x).data.copy() for _ in range(4)])
    assert np.array_equal(*results)
    assert np.array_equal(x.data, before)
    assert results[0][0].shape[:-2] == (*lead, 3) and results[0][0].dtype == np.float32


def test_one_draw_for_all_or_one_for_each():
    """Of many alike pictures the results are alike, or they are not."""
    x = picture(3, 6, 6).expand(40, 3, 6, 6)
    for make in RANDOM:
        for each in (False, True):
            alike = [len(np.unique(make(each)(x).data, axis=0)) == 1 for _ in range(10)]
            assert all(alike) if not each else not any(alike)


def test_each_picture_of_a_batch_gets_what_it_would_get_alone():
    x, n = picture(300, 3, 6, 6), 300
    flipped = (transforms.RandomHorizontalFlip(0.3, each=True)(x) == x.flip(-1)).all((1, 2, 3))
    assert abs(flipped.float().sum().item() - 0.3 * n) < 6 * (n * 0.3 * 0.7) ** 0.5
    parts = transforms.RandomCrop((4, 5), each=True)(x).data
    places = {(i, j): 0 for i in range(3) for j in range(2)}
    for whole, part in zip(x.data, parts, strict=True):
        fits = [p for p in places if np.array_equal(whole[:, p[0] :, p[1] :][:, :4, :5], part)]
        assert len(fits) == 1
        places[fits[0]] += 1
    assert min(places.values()) > n / 6 - 6 * (n * 5 / 36) ** 0.5


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_flips(p):
    x = picture()
    for make, flip in [("Horizontal", F.hflip), ("Vertical", F.vflip)]:
        y = getattr(transforms, f"Random{make}Flip")(p)(x)
        assert (y == (flip(x) if p else x)).all()


def test_all_places_of_a_crop_come_up():
    x = mytorch.arange(25.0).view(1, 5, 5)
    corners = {transforms.RandomCrop(3)(x)[0, 0, 0].item() for _ in range(400)}
    assert corners == {0, 1, 2, 5, 6, 7, 10, 11, 12}
    assert transforms.RandomCrop.get_params(x, (5, 5)) == (0, 0, 5, 5)
    top, left, height, width = transforms.RandomCrop.get_params(x, (2, 4))
    assert 0 <= top <= 3 and 0 <= left <= 1 and (height, width) == (2, 4)
    assert transforms.RandomCrop((9, 4), pad_if_needed=True)(x).shape == (1, 9, 4)
    assert transforms.RandomCrop(9, padding=1, pad_if_needed=True, fill=1)(x).min() == 0


def test_jitter_draws_between_its_bounds():
    x, found = mytorch.full((3, 2, 2), 0.5), []
    for _ in range(300):
        found.append(transforms.ColorJitter(brightness=0.4)(x)[0, 0, 0].item() / 0.5)
    assert 0.6 <= min(found) < 0.65 and 1.35 < max(found) <= 1.4
    assert abs(np.mean(found) - 1) < 0.06
    pair = [transforms.ColorJitter((0.2, 0.3))(x)[0, 0, 0].item() for _ in range(50)]
    assert 0.1 <= min(pair) and max(pair) <= 0.15
    assert (transforms.ColorJitter()(x) == x).all()


def test_gradients_go_through():
    x = picture(4, 3, 6, 6, dtype=np.float64).requires_grad_()
    chain = transforms.Compose([make(True) for make in RANDOM[:3]])
    chain = transforms.Compose([chain, transforms.Normalize((0.5, 0.4, 0.3), (0.2, 0.2, 0.3))])

    def seeded(x):
        mytorch.manual_seed(2)
        return chain(x)

    assert mytorch.autograd.gradcheck(seeded, x)

    def jittered(x):
        mytorch.manual_seed(2)
        return transforms.ColorJitter(0.1, 0.1, 0.1, 0.05)(x * 0.6 + 0.1)

    assert mytorch.autograd.gradcheck(jittered, x)


# As objects


def test_signatures_are_torchvisions():
    expected = {
        "Compose": "transforms",
        "ToTensor": "",
        "Normalize": "mean, std, inplace=False",
        "RandomHorizontalFlip": "p=0.5, *, each=False",
        "RandomVerticalFlip": "p=0.5, *, each=False",
        "RandomCrop": "size, padding=None, pad_if_needed=False, fill=0, "
        "padding_mode='constant', *, each=False",
        "CenterCrop": "size",
        "ColorJitter": "brightness=0, contrast=0, saturation=0, hue=0, *, each=False",
        "Lambda": "lambd",
        "functional.pad": "img, padding, fill=0, padding_mode='constant'",
        "functional.crop": "img, top, left, height, width",
        "functional.center_crop": "img, output_size",
        "functional.normalize": "tensor, mean, std, inplace=False",
        "functional.to_tensor": "pic",
        "functional.hflip": "img",
        "functional.adjust_hue": "img, hue_factor",
        "functional.adjust_contrast": "img, contrast_factor",
        "functional.rgb_to_grayscale": "img, num_output_channels=1",
    }
    for name, arguments in expected.items():
        found = transforms
        for part in name.split("."):
            found = getattr(found, part)
        assert str(inspect.signature(found)) == f"({arguments})", name


def test_how_they_print():
    chain = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize(0.5, 0.5),
        transforms.RandomCrop(3, 2),
        transforms.RandomHorizontalFlip(),
        transforms.CenterCrop(3),
        transforms.ColorJitter(0.4, (1, 2), 0, 0.1),
        transforms.Lambda(abs),
    ])  # fmt: skip
    assert repr(chain).splitlines() == [
        "Compose(",
        "    ToTensor()",
        "    Normalize(mean=0.5, std=0.5)",
        "    RandomCrop(size=(3, 3), padding=2)",
        "    RandomHorizontalFlip(p=0.5)",
        "    CenterCrop(size=(3, 3))",
        "    ColorJitter(brightness=(0.6, 1.4), contrast=(1.0, 2.0), saturation=None, "
        "hue=(-0.1, 0.1))",
        "    Lambda()",
        ")",
    ]


def test_transforms_are_modules_where_torchvisions_are():
    chain = nn.Sequential(transforms.CenterCrop(4), transforms.Normalize(0.5, 0.5))
    assert chain(picture()).shape == (3, 4, 4)
    assert not isinstance(transforms.Compose([]), nn.Module)


class Pictures(Dataset):
    def __init__(self, transform):
        self.images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), i


@pytest.mark.parametrize("workers", [0, 2])
def test_in_a_dataset(workers):
    chain = [transforms.ToTensor(), transforms.RandomCrop(8, 2), transforms.ColorJitter(0.3)]
    loader = DataLoader(Pictures(transforms.Compose(chain)), batch_size=4, num_workers=workers)
    passes = []
    for _ in range(2):
        mytorch.manual_seed(1)
        passes.append([x.data.copy() for x, _ in loader])
    assert np.array_equal(*passes) and passes[0][0].shape == (4, 3, 8, 8)
    again = np.concatenate([x.data for x, _ in loader])
    assert not np.array_equal(again, np.concatenate(passes[0]))
