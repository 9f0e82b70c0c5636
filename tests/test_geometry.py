"""Output sizes and paddings: by hand, against counting, and every wrong argument by name."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.geometry import (
    conv2d_geometry,
    conv_transpose2d_geometry,
    image_pair,
    normalize_edges,
    normalize_padding,
    normalize_pair,
    normalize_sizes,
    pool2d_geometry,
)

SMALL = st.integers(1, 6)


# ---------------------------------------------------------------------------------------------------- by hand
@pytest.mark.parametrize(
    ("size", "kernel", "options", "out", "pads"),
    [
        (28, 3, {"padding": "same"}, 28, (1, 1)),
        (28, 3, {"padding": "valid"}, 26, (0, 0)),
        (28, 2, {"padding": "same"}, 28, (0, 1)),  # the odd cell is below / right
        (7, 3, {"padding": "same", "strides": 2}, 4, (1, 1)),
        (8, 3, {"padding": "same", "strides": 2}, 4, (0, 1)),
        (5, 1, {"padding": "same", "strides": 3}, 2, (0, 0)),
        (9, 3, {"dilation_rate": 2}, 5, (0, 0)),
        (9, 3, {"dilation_rate": 2, "padding": "SAME"}, 9, (2, 2)),
        (9, 3, {"padding": 2, "strides": 2}, 6, (2, 2)),
        (9, 3, {"padding": ((1, 2), (1, 2))}, 10, (1, 2)),
        (0, 3, {"padding": "same"}, 0, (0, 0)),
    ],
)
def test_conv2d_by_hand(size, kernel, options, out, pads):
    g = conv2d_geometry((2, size, size, 3), (kernel, kernel, 3, 4), **options)
    assert g.out_shape == (2, out, out, 4)
    if size:
        assert (g.pad_top, g.pad_bottom) == (g.pad_left, g.pad_right) == pads


def test_height_and_width_are_their_own():
    g = conv2d_geometry((1, 10, 20, 4), (3, 5, 2, 6), strides=(1, 2), padding=((1, 0), (2, 3)), dilation_rate=(2, 1))
    assert (g.groups, g.out_shape) == (2, (1, 7, 11, 6))
    assert (g.in_shape, g.kernel_shape) == ((1, 10, 20, 4), (3, 5, 2, 6))
    assert (g.stride_h, g.stride_w, g.dilation_h, g.dilation_w) == (1, 2, 2, 1)
    assert g.macs == 7 * 11 * 6 * 3 * 5 * 2


def test_the_tutorials_step_has_as_many_multiply_adds_as_its_analysis_says():
    layers = ((28, 1, 32), (14, 32, 64), (7, 64, 128))
    macs = [conv2d_geometry((1, s, s, c), (3, 3, c, o), padding="same").macs for s, c, o in layers]
    assert macs == [225_792, 3_612_672, 3_612_672]


def test_pool2d_by_hand():
    g = pool2d_geometry((2, 7, 9, 3), pool_size=2, padding="same")
    assert (g.out_shape, g.stride_h, g.stride_w) == ((2, 4, 5, 3), 2, 2)
    assert (g.pad_top, g.pad_bottom, g.pad_left, g.pad_right) == (0, 1, 0, 1)
    assert pool2d_geometry((2, 7, 9, 3), pool_size=(3, 2), strides=1).out_shape == (2, 5, 8, 3)


# ---------------------------------------------------------------------------------------------------- by counting
@given(size=st.integers(1, 30), kernel=SMALL, stride=SMALL, dilation=st.integers(1, 3), before=st.integers(0, 4), after=st.integers(0, 4))
def test_explicit_padding_by_counting(size, kernel, stride, dilation, before, after):
    extent, room = (kernel - 1) * dilation + 1, size + before + after
    starts = [start for start in range(0, room, stride) if start + extent <= room]
    arguments = {"strides": stride, "dilation_rate": dilation, "padding": ((before, after), (before, after))}
    if not starts:
        with pytest.raises(ShapeError, match="kernel spans"):
            conv2d_geometry((1, size, size, 1), (kernel, kernel, 1, 1), **arguments)
    else:
        assert conv2d_geometry((1, size, size, 1), (kernel, kernel, 1, 1), **arguments).out_h == len(starts)


@given(size=st.integers(1, 30), kernel=SMALL, stride=SMALL, dilation=st.integers(1, 3))
def test_same_padding_is_the_least_that_gives_a_window_to_every_stride(size, kernel, stride, dilation):
    g = conv2d_geometry((1, size, size, 1), (kernel, kernel, 1, 1), strides=stride, dilation_rate=dilation, padding="same")
    extent = (kernel - 1) * dilation + 1
    needed = (g.out_h - 1) * stride + extent
    assert g.out_h == len(range(0, size, stride))
    assert g.pad_top + g.pad_bottom == max(0, needed - size)
    assert g.pad_bottom - g.pad_top in (0, 1)


@given(size=st.integers(1, 30), window=SMALL, stride=SMALL, padding=st.sampled_from(["same", "valid", "explicit"]), data=st.data())
def test_every_pooling_window_holds_an_input_cell(size, window, stride, padding, data):
    if padding == "valid" and window > size:
        return
    if padding == "explicit":
        padding = data.draw(st.integers(0, window - 1))
        if size + 2 * padding < window:
            return
    g = pool2d_geometry((1, size, size, 1), pool_size=window, strides=stride, padding=padding)
    for i in range(g.out_h):
        first = i * stride - g.pad_top
        assert first < size
        assert first + window > 0


# ---------------------------------------------------------------------------------------------------- arguments
@pytest.mark.parametrize(
    ("value", "pair"),
    [(3, (3, 3)), ((2, 3), (2, 3)), ([2, 3], (2, 3)), ((4,), (4, 4))],
)
def test_normalize_pair(value, pair):
    assert normalize_pair(value, "strides") == pair


@pytest.mark.parametrize("value", [0, -1, (1, 0), (1, 2, 3), ()])
def test_normalize_pair_refuses_values(value):
    with pytest.raises(ArgumentError, match="strides must be an int or a pair of ints >= 1, got"):
        normalize_pair(value, "strides")


@pytest.mark.parametrize("value", [1.5, "33", b"33", None, (1.0, 2), object()])
def test_normalize_pair_refuses_types(value):
    with pytest.raises(DTypeError, match="strides must be an int or a pair of ints, got"):
        normalize_pair(value, "strides")


@pytest.mark.parametrize(
    ("padding", "normal"),
    [
        ("Same", "same"),
        ("valid", "valid"),
        (2, ((2, 2), (2, 2))),
        ((1, 2), ((1, 1), (2, 2))),
        (((1, 2), (3, 4)), ((1, 2), (3, 4))),
        ([[1, 2], [3, 4]], ((1, 2), (3, 4))),
    ],
)
def test_normalize_padding(padding, normal):
    assert normalize_padding(padding) == normal


@pytest.mark.parametrize("padding", ["full", -1, (1, -1), ((1, 2), (3, -4)), (1, 2, 3)])
def test_normalize_padding_refuses_values(padding):
    with pytest.raises(ArgumentError, match="padding must be"):
        normalize_padding(padding)


@pytest.mark.parametrize("padding", [1.5, None])
def test_normalize_padding_refuses_types(padding):
    with pytest.raises(DTypeError, match="padding must be"):
        normalize_padding(padding)


@pytest.mark.parametrize(
    ("x", "w", "options", "message"),
    [
        ((8, 8, 3), (3, 3, 3, 4), {}, r"inputs must have 4 dimensions .*, got shape \(8, 8, 3\)"),
        ((1, 8, 8, 3), (3, 3, 3), {}, r"kernel must have 4 dimensions .*, got shape \(3, 3, 3\)"),
        ((1, 8, -8, 3), (3, 3, 3, 4), {}, "inputs has an impossible shape"),
        ((2**20, 2**20, 2**20, 3), (3, 3, 3, 4), {}, "inputs has an impossible shape"),
        ((1, 8, 8, 3), (3, 3, 4, 4), {}, r"inputs have 3 channels, but the kernel of shape \(3, 3, 4, 4\) expects 4"),
        ((1, 8, 8, 4), (3, 3, 2, 5), {}, "the kernel has 5 output channels, which 2 groups do not divide"),
        ((1, 8, 8, 4), (3, 3, 2, 4), {"groups": 4}, "with groups=4 expects 8"),
        ((1, 2, 8, 3), (3, 3, 3, 4), {}, "kernel spans 3 cells along the height, but the input has only 2"),
        ((1, 8, 2, 3), (3, 3, 3, 4), {}, "kernel spans 3 cells along the width, but the input has only 2"),
    ],
)
def test_wrong_shapes_are_named(x, w, options, message):
    with pytest.raises(ShapeError, match=message):
        conv2d_geometry(x, w, **options)


@pytest.mark.parametrize("options", [{"strides": 0}, {"dilation_rate": 0}, {"padding": -1}])
def test_wrong_conv_settings_are_named(options):
    with pytest.raises(ArgumentError, match=f"{next(iter(options))} must be"):
        conv2d_geometry((1, 8, 8, 3), (3, 3, 3, 4), **options)


def test_padding_that_fills_a_window_is_refused():
    with pytest.raises(ArgumentError, match="padding must be smaller than pool_size"):
        pool2d_geometry((1, 8, 8, 3), pool_size=2, padding=2)


def test_a_geometry_is_frozen_and_hashable():
    one, other = (conv2d_geometry((1, 8, 8, 3), (3, 3, 3, 4)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(AttributeError):
        one.batch = 2


def test_sizes_along_a_line():
    assert normalize_sizes(3, "strides", 1) == normalize_sizes((3,), "strides", 1) == (3,)
    assert image_pair((3,)) == (1, 3)
    assert image_pair((0,), 0) == (0, 0)
    assert image_pair((2, 3)) == (2, 3)
    for value in (0, (), (1, 2)):
        with pytest.raises(ArgumentError, match="strides must be an int >= 1"):
            normalize_sizes(value, "strides", 1)
    with pytest.raises(DTypeError, match="strides must be an int, got '3'"):
        normalize_sizes("3", "strides", 1)


def test_edges_are_named_as_their_argument():
    assert normalize_edges(((1, 2), (3, 4)), "cropping") == ((1, 2), (3, 4))
    assert normalize_edges((1, 2), "cropping") == ((1, 1), (2, 2))
    with pytest.raises(ArgumentError, match="cropping must be"):
        normalize_edges(-1, "cropping")


def test_a_transposed_convolution_is_that_of_a_convolution():
    """Whatever the arguments: the convolution inside takes the result's shape, with explicit padding, to that of the inputs."""
    for n, k, stride, dilation in itertools.product(range(1, 6), range(1, 6), range(1, 5), (1, 2, 3)):
        for padding, more in itertools.product(("same", "valid"), (None, *range(stride))):
            arguments = {"strides": (stride, 1), "dilation_rate": (dilation, 1)}
            try:
                found = conv_transpose2d_geometry(
                    (2, n, 3, 4), (k, 2, 5, 4), padding=padding, output_padding=more and (more, 0), **arguments
                )
            except ShapeError:
                assert padding == "same"
                assert n == 1
                continue
            conv = found.conv
            pads = ((conv.pad_top, conv.pad_bottom), (conv.pad_left, conv.pad_right))
            assert conv2d_geometry(found.out_shape, (k, 2, 5, 4), padding=pads, **arguments) == conv
            assert conv.out_shape == (2, n, 3, 4)
            if padding == "same" and more is None:
                assert found.out_shape[1] == n * stride


@pytest.mark.parametrize("name", ["strides", "dilation_rate", "padding"])
def test_sizes_whose_products_would_overflow(name):
    with pytest.raises(ArgumentError, match=rf"{name} must be at most 2\*\*31 - 1, got {2**31}"):
        conv2d_geometry((1, 4, 4, 2), (1, 1, 2, 2), **{"padding": "same", name: 2**31})
    with pytest.raises(ArgumentError, match="pool_size must be at most"):
        pool2d_geometry((1, 4, 4, 2), pool_size=(1, 2**31), padding="same")


def test_the_gradients_padding_is_bounded_too():
    """Where the output has many more channels than the input, the gradient by the input pads more than the forward pass does."""
    far = 2**23 - 1
    with pytest.raises(ShapeError, match="padded inputs has an impossible shape"):
        conv2d_geometry((1, 1, 1, 1), (2, 2, 1, 65536), dilation_rate=far, padding="same")
    with pytest.raises(ShapeError, match="padded output has an impossible shape"):
        conv_transpose2d_geometry((1, 1, 1, 65536), (2, 2, 1, 65536), dilation_rate=far, padding="same")
    with pytest.raises(ShapeError, match="impossible shape"):
        conv2d_geometry((1, 1, 1, 2), (2, 2, 1, 2 * 65536), dilation_rate=(2**22 - 1, far), padding="same", groups=2)
