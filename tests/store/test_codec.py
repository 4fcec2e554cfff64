"""Head rows."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.errors import StoreError
from tachograph.store.base import Sample
from tachograph.store.codec import Columns, decode, encode, merge, squeezed, without

figures = st.floats(allow_nan=False) | st.integers(-(2**60), 2**60).map(float)
buckets = st.dictionaries(st.integers(-2000, 2000), st.integers(1, 2**40), max_size=5).map(
    lambda counts: [figure for pair in sorted(counts.items()) for figure in pair]
)
samples = st.builds(
    Sample, figures, st.integers(0, 2**40), st.integers(0, 9), figures, buckets
) | st.builds(Sample, figures)
rows = st.dictionaries(st.integers(1, 2**40), samples, max_size=40)


@given(rows)
def test_a_row_is_read_back(row: dict[int, Sample]) -> None:
    """decode(encode(x)) == x, by ascending id, to the last bit."""
    assert decode(encode(row)) == sorted(row.items())


@given(rows, st.data())
def test_some_samples_of_a_row(row: dict[int, Sample], data: st.DataObject) -> None:
    """Only the wanted ones are what the whole has of them; without them the row is what it
    would be if they had never been in it."""
    some = data.draw(st.sets(st.sampled_from(sorted(row)))) if row else set()
    whole = encode(row)
    assert decode(whole, some) == [item for item in decode(whole) if item[0] in some]
    rest = encode({number: one for number, one in row.items() if number not in some})
    assert without(whole, some) == (rest if some else None)


UNFIT = {
    "values": Columns([1, 1], [1.0]),
    "counts of timers": Columns([1], [1.0], [0], [1, 1], [0], [None], [0]),
    "buckets": Columns([1], [1.0], [0], [1], [0], [None], [2], [5], [1]),
    "a place behind the last": Columns([1], [1.0], [1], [1], [0], [None], [0]),
    "a place before the first": Columns([1], [1.0], [-1], [1], [0], [None], [0]),
    "a length below none": Columns([1], [1.0], [0], [1], [0], [None], [-1]),
}


@pytest.mark.parametrize("columns", UNFIT.values(), ids=UNFIT)
def test_columns_that_do_not_fit_together(columns: Columns) -> None:
    """Refused as a whole, before anything of it is added up somewhere."""
    with pytest.raises(StoreError, match="don't fit together"):
        decode(squeezed(msgspec.msgpack.encode(columns)))


def test_a_value_that_is_no_number_is_kept() -> None:
    """NaN and infinities are not turned into anything else."""
    values = [math.nan, math.inf, -math.inf]
    row = decode(encode({number: Sample(value) for number, value in enumerate(values)}))
    assert [repr(sample.value) for _, sample in row] == ["nan", "inf", "-inf"]


def test_a_large_row_is_compressed() -> None:
    """A thousand counters that moved by one take less than a tenth of a byte each."""
    assert len(encode({number: Sample(1.0) for number in range(1000)})) < 100


def test_rows_of_the_first_version_are_read_for_ever() -> None:
    """Both formats, byte for byte as they were written then."""
    plain = (
        "0099930304039302cb3fb999999999999acb3fd000000000000091029102910191c0910292cd025804920101"
    )
    squeezed = "0178019b79877102e328185421301a25832a3a408e99000100c5c80a84"
    assert decode(bytes.fromhex(plain)) == [
        (3, Sample(2.0)),
        (7, Sample(0.1)),
        (10, Sample(0.25, 2, 1, 0.25, [600, 1, 604, 1])),
    ]
    ones = [(number, Sample(1.0)) for number in range(1, 401)]
    assert decode(bytes.fromhex(squeezed)) == ones


def test_damaged_rows_are_refused() -> None:
    """A cut row, an unknown format, or columns that don't match say so as StoreError."""
    large = encode({number: Sample(1.0) for number in range(1000)})
    small = encode({1: Sample(1.5, 2, 0, 0.5, [3, 2])})
    for data in (b"", large[:-9], small[:-1], b"\x07" + small[1:], b"\x00\xc0", large[:1]):
        with pytest.raises(StoreError, match="damaged"):
            decode(data)


@given(samples, samples, samples)
def test_merging_adds_or_replaces(a: Sample, b: Sample, c: Sample) -> None:
    """Counts and buckets of timers add up in any grouping; a gauge is the latest."""
    left = merge("timer", merge("timer", a, b), c)
    right = merge("timer", a, merge("timer", b, c))
    assert (left.count, left.errors, left.buckets) == (right.count, right.errors, right.buckets)
    assert left.count == a.count + b.count + c.count
    assert sum(left.buckets[1::2]) == sum(sum(x.buckets[1::2]) for x in (a, b, c))
    assert left.buckets[::2] == sorted(set(left.buckets[::2]))
    assert merge("gauge", a, b) == b
    assert merge("counter", Sample(1.5), Sample(2.0)) == Sample(3.5)
