"""The doorman: what it takes, what it gives back.  What it refuses: test_bad_input.py."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore._arrays import Doorman


def test_floats_are_float64_inside_and_the_common_dtype_outside() -> None:
    for left, right, expected in (
        ("f4", "f4", "f4"),
        ("f4", "f8", "f8"),
        ("f8", "f8", "f8"),
        ("f4", "i8", "f8"),
    ):
        door = Doorman("f")
        inside = [door.floats(name, np.ones(2, kind), "B") for name, kind in (("x", left), ("y", right))]
        assert all(x.dtype == np.float64 for x in inside)
        assert door.out(inside[0]).dtype == np.dtype(expected)
        assert np.asarray(door.scalar(0.5)).dtype == np.dtype(expected)


def test_views_of_any_order_and_byte_order_are_read() -> None:
    grid = np.arange(6.0).reshape(2, 3)
    for same in (np.asfortranarray(grid), grid[::-1][::-1], grid.astype(">f8"), grid.tolist()):
        np.testing.assert_array_equal(Doorman("f").floats("x", same, "B L"), grid)


def test_unused_entries_come_back_as_zero_and_the_input_keeps_them() -> None:
    x = np.array([1.0, np.nan])

    np.testing.assert_array_equal(Doorman("f").floats("x", x, "B", used=np.array([True, False])), [1, 0])
    assert np.isnan(x[1])


def test_out_has_no_negative_zero() -> None:
    door = Doorman("f")
    door.floats("x", [1.0], "B")

    assert not np.signbit(door.out(np.array([-0.0]))).any()


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int64(1)])
def test_numbers_of_every_kind_become_python_floats(value: float) -> None:
    assert type(Doorman("f").number("x", value, "[0, 1]")) is float


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [("[0, 1]", (0, 1), (-1e-300, 1.0000001)), ("(0, 1)", (0.5,), (0, 1)), ("[0, 1)", (0,), (1,)),
     ("(0, inf)", (1e308,), (0, np.inf)), ("(-inf, inf)", (-1e308,), (np.inf, -np.inf, np.nan))],
)  # fmt: skip
def test_intervals_are_open_and_closed_as_written(
    interval: str, inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    for value in inside:
        assert Doorman("f").number("x", value, interval) == value
    for value in outside:
        with pytest.raises(ValueError, match="f: x is"):
            Doorman("f").number("x", value, interval)
