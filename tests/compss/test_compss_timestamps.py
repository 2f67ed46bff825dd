"""Timestamps in the files of COMPSs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.engines.compss.timestamps import instant, wall_clock

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@given(
    moment=st.datetimes(min_value=datetime(1971, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
    colon=st.booleans(),
)
def test_any_moment_in_any_zone(moment: datetime, minutes: int, colon: bool) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = zoned.isoformat() if colon else zoned.strftime(f"{moment.year:04}-%m-%dT%H:%M:%S.%f%z")
    expected = (zoned - EPOCH) // timedelta(microseconds=1) * 1000
    assert instant(text) == expected
    assert wall_clock(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3.4",
        "App_Profile.json",
        "2026-02-30T10:00:00Z",
        "2026-03-16T24:00:00Z",
        "2026-03-16",
        "٢026-03-16T10:00:00Z",
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    assert instant(text) is None


def test_seconds_may_be_left_out() -> None:
    assert instant("1970-01-01T00:01Z") == 60 * 10**9
    assert wall_clock("1970-01-01 00:01:00") == 60 * 10**9
    assert instant("1970-01-01T00:00:00.000000001Z") == 1
