"""One contract for every member of COLUMNS, and the kinds told from dtypes."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from through_json import through_json
from told import everything

from tsgan.bundle import pack
from tsgan.encoding.columns import COLUMNS
from tsgan.encoding.columns.base import Request, infer_kind
from tsgan.encoding.columns.category import CategoryColumn
from tsgan.encoding.columns.numeric import FloatColumn
from tsgan.errors import InputError, SchemaError
from tsgan.layout import Number, snap

ROWS = 120


def draws(seed=0):
    return np.random.default_rng(seed)


WORDS = draws().choice(["sun", "rain", "snow"], ROWS)
WHOLE = draws(1).integers(-50, 100, ROWS)
REAL = draws(2).normal(size=ROWS)
DAYS = pd.Timestamp("2020-02-20") + pd.to_timedelta(draws(3).integers(0, 400, ROWS), unit="D")
YES = draws(4).random(ROWS) < 0.3

SERIES = {
    "float": [
        pd.Series(REAL),
        pd.Series(REAL.round(2)),
        pd.Series(REAL.round(3).astype("float32")),
        pd.Series(WHOLE.astype(float)),
        pd.Series(REAL.round(2), dtype="Float64"),
        pd.Series(1e9 + REAL.round(2)),
        pd.Series(1e-9 * REAL),
        pd.Series([1.5, 2.5] * 2),
        pd.Series(REAL.round(1).tolist(), dtype=object),
    ],
    "integer": [
        pd.Series(WHOLE),
        *(pd.Series(WHOLE.clip(0), dtype=kind) for kind in ("int8", "uint8", "int16", "uint64", "Int64")),
        pd.Series(WHOLE.tolist(), dtype=object),
    ],
    "boolean": [pd.Series(YES), pd.Series(YES, dtype="boolean"), pd.Series(YES.tolist(), dtype=object)],
    "category": [
        pd.Series(WORDS),
        pd.Series(WORDS, dtype=object),
        pd.Series(WORDS, dtype="string"),
        pd.Series(pd.Categorical(WORDS)),
        pd.Series(pd.Categorical(WORDS, categories=["snow", "hail", "rain", "sun"], ordered=True)),
        pd.Series(pd.Categorical(WHOLE % 4)),
        pd.Series(pd.Categorical(YES)),
    ],
    "datetime": [
        pd.Series(DAYS),
        pd.Series(DAYS).dt.as_unit("s"),
        pd.Series(DAYS).dt.tz_localize("Europe/Paris"),
        pd.Timestamp("2020-01-01") + pd.Series(pd.to_timedelta(draws().integers(0, 9000, ROWS), unit="s")),
    ],
    "timedelta": [pd.Series(pd.to_timedelta(WHOLE, unit="min")), pd.Series(pd.to_timedelta(WHOLE, unit="h"))],
    "period": [
        pd.Series(pd.PeriodIndex.from_ordinals(WHOLE, freq="M")),
        pd.Series(pd.PeriodIndex.from_ordinals(3 * WHOLE, freq="W-TUE")),
        pd.Series(pd.PeriodIndex.from_ordinals(WHOLE, freq="15min")),
    ],
    "constant": [
        pd.Series([3.25] * 5),
        pd.Series([3] * 5, dtype="int8"),
        pd.Series([True] * 5),
        pd.Series([True] * 5, dtype="boolean"),
        pd.Series(["a"] * 5),
        pd.Series(["a"] * 5, dtype="string"),
        pd.Series(pd.Categorical(["a"] * 5, categories=["b", "a"], ordered=True)),
        pd.Series([pd.Timestamp("2020-01-01", tz="Asia/Tokyo")] * 5),
        pd.Series([pd.Timestamp("2020-01-01")] * 5).dt.as_unit("s"),
        pd.Series([pd.Timedelta("3h")] * 5),
        pd.Series([pd.Timestamp("2020-01-01", tz="UTC")] * 5).dt.as_unit("ms"),
        pd.Series([pd.Period("2020-01", "M")] * 5),
    ],
}
CASES = [(kind, i) for kind, members in SERIES.items() for i in range(len(members))]


def fitted(kind, series, **changes):
    asked = {
        "name": "x",
        "role": "value",
        "scaler": "auto",
        "bounds": "observed",
        "follows": np.arange(len(series)) > 0,
        "holders": everything(len(series)),
    }
    return COLUMNS[kind].fit(series, Request(**{**asked, **changes}))


def back(column, series):
    made = column.decode(column.encode(series))
    return pd.Series(made, dtype=made.dtype)


def test_every_kind_has_cases():
    assert set(SERIES) == set(COLUMNS)
    assert all(member.kind == kind for kind, member in COLUMNS.items())


def line_through_json(line):
    """Return what a schema's line is after a way through JSON, which makes lists of tuples."""
    read = json.loads(json.dumps(vars(line)))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()}


@pytest.mark.parametrize(("kind", "case"), CASES)
class TestContract:
    def test_the_kind_is_told(self, kind, case):
        assert infer_kind(SERIES[kind][case], "x") == kind

    def test_round_trip_restores_values_and_dtype(self, kind, case):
        series = SERIES[kind][case]
        again = back(fitted(kind, series), series)
        assert again.dtype == series.dtype
        pd.testing.assert_series_equal(again, series, check_exact=kind != "float", rtol=1e-14, atol=1e-24)

    def test_there_is_one_number_a_row(self, kind, case):
        series = SERIES[kind][case]
        column = fitted(kind, series)
        z = column.encode(series)
        assert z.dtype == np.float64
        assert z.shape == (len(series),)
        assert column.decode(np.zeros(0)).dtype == series.dtype

    def test_the_cell_says_what_the_numbers_are(self, kind, case):
        series = SERIES[kind][case]
        column = fitted(kind, series)
        z, cell = column.encode(series), column.cell()
        if isinstance(cell, Number):
            assert cell.low <= z.min() <= z.max() <= cell.high
            assert abs(z.std() - 1) < 1e-9
            assert not len(cell.grid) or np.abs(snap(cell.grid, z) - z).max() < 1e-12
        else:
            assert (cell is None) == (kind == "constant")
            assert cell is None or set(z) == set(range(cell.levels))

    def test_state_round_trip_is_exact(self, kind, case):
        series = SERIES[kind][case]
        column = fitted(kind, series)
        again = through_json(column)
        z = column.encode(series)
        np.testing.assert_array_equal(again.encode(series), z)
        pd.testing.assert_series_equal(pd.Series(again.decode(z)), pd.Series(column.decode(z)))
        assert again.describe() == column.describe()
        assert again.cell() == column.cell()
        np.testing.assert_array_equal(getattr(again.cell(), "grid", 0), getattr(column.cell(), "grid", 0))

    def test_whatever_is_generated_stays_within_what_was_seen(self, kind, case):
        series = SERIES[kind][case]
        column = fitted(kind, series)
        levels = getattr(column.cell(), "levels", 0)
        made = pd.Series(column.decode(np.arange(500.0) % levels if levels else 4 * draws().normal(size=500)))
        if isinstance(series.dtype, pd.CategoricalDtype) or kind in ("category", "boolean", "constant"):
            assert set(made) <= set(series)
        else:
            assert made.min() >= series.min()
            assert made.max() <= series.max()

    def test_description_is_json(self, kind, case):
        line = fitted(kind, SERIES[kind][case]).describe()
        assert line_through_json(line) == vars(line)


class TestNumbers:
    @pytest.mark.parametrize(
        ("values", "decimals"),
        [
            ([1.0, 2.0], 0),
            ([0.1, 2.25], 2),
            ([0.1 + 0.2, 0.5], 1),
            ([1 / 3, 0.5], None),
            ([1234567.891, 0.5], 3),
            ([1e-9, 2.5e-9], 10),
            ([0.0, 0.0], 0),
            ([-0.125, 3.0], 3),
            ([1e20, 2e20], 0),
        ],
    )
    def test_decimals_are_counted(self, values, decimals):
        assert FloatColumn.learn_grain(pd.Series(values), everything(len(values))) == {"decimals": decimals}

    def test_generated_numbers_have_the_real_decimals(self):
        column = fitted("float", pd.Series(REAL.round(2)))
        made = column.decode(draws().normal(size=100))
        np.testing.assert_array_equal(made, made.round(2))

    def test_single_precision_decimals(self):
        column = fitted("float", pd.Series(np.array([0.1, 2.3, 4.7], dtype="float32")))
        assert column.grain == {"decimals": 1}

    @pytest.mark.parametrize(("bounds", "low", "high"), [((0, None), 0, 50), ((-1, 1), -1, 1), (None, -50, 50)])
    def test_bounds(self, bounds, low, high):
        made = fitted("float", pd.Series(REAL), bounds=bounds).decode(np.array([-50.0, 50.0]))
        assert made[0] == low if low > -50 else made[0] < -40
        assert made[1] == high if high < 50 else made[1] > 40

    def test_integers_never_wrap_around(self):
        column = fitted("integer", pd.Series([0, 250, 100, 7] * 5, dtype="uint8"), scaler="standard", bounds=None)
        assert column.decode(np.array([-90.0, 90.0])).tolist() == [0, 255]
        top = np.iinfo(np.int64).max
        column = fitted("integer", pd.Series([0, top, 5]), scaler="standard")
        assert column.decode(np.array([90.0]))[0] > 0.99 * top

    def test_text_in_a_numeric_column_is_named(self):
        column = fitted("float", pd.Series(REAL))
        with pytest.raises(InputError, match=r"column 'x' \(float, \w+ given\): .*'a'"):
            column.encode(pd.Series(["a", "b"]))

    def test_a_value_that_the_scaler_cannot_map_is_named(self):
        column = fitted("float", pd.Series(np.exp(REAL)), scaler="power")
        with pytest.raises(InputError, match=r"column 'x' .*all positive and are scaled by their logarithm; got -2"):
            column.encode(pd.Series([1.0, -2.0]))


NUMBERS = ["float64", "float32", "Float64", "Float32", "Int64", "Int8", "UInt16", "object"]
ARROW = ["double[pyarrow]", "float[pyarrow]", "int64[pyarrow]", "int16[pyarrow]", "uint8[pyarrow]"]


@pytest.mark.parametrize("dtype", NUMBERS + ARROW)
class TestMissingNumbers:
    def gaps(self, dtype):
        if dtype.endswith("[pyarrow]"):
            pytest.importorskip("pyarrow")
        values = WHOLE.clip(0).astype(object)
        if "loat" in dtype or "double" in dtype:
            values = (WHOLE / 4).astype(object)
        values[YES] = None if dtype == "object" else np.nan if dtype.startswith("float") and "[" not in dtype else pd.NA
        return pd.Series(values, dtype=dtype)

    def test_observed_rows_come_back_and_missing_ones_are_nan(self, dtype):
        series = self.gaps(dtype)
        column = fitted(infer_kind(series, "x"), series)
        z = column.encode(series)
        np.testing.assert_array_equal(np.isnan(z), YES)
        assert column.cell().missing
        made = column.decode(z)
        assert made.dtype == series.dtype
        np.testing.assert_array_equal(pd.isna(made), YES)
        np.testing.assert_array_equal(made[~YES].astype("float64"), series[~YES].to_numpy(dtype="float64"))

    def test_it_is_learned_as_if_the_missing_rows_were_not_there(self, dtype):
        series = self.gaps(dtype)
        kind = infer_kind(series, "x")
        steps = np.zeros(ROWS, dtype=bool)
        with_gaps = fitted(kind, series, follows=steps)
        without = fitted(kind, series[~YES].reset_index(drop=True), follows=steps[~YES])
        known = ({k: v for k, v in pack(c)[0].items() if k not in ("missing", "marker")} for c in (with_gaps, without))
        assert next(known) == next(known)
        assert (with_gaps.missing, without.missing) == (True, False)
        assert line_through_json(with_gaps.describe()) == vars(with_gaps.describe())


def test_a_step_counts_where_both_its_ends_are_observed():
    x = np.repeat(np.geomspace(1, 1000, 200), 3) + 0.01 * draws().normal(size=600)
    gaps = pd.Series(np.where(np.arange(600) % 3 == 2, np.nan, x))
    steps = np.arange(600) % 3 > 0
    kept = np.arange(600) % 3 < 2
    assert fitted("float", gaps, follows=steps).reason == fitted("float", gaps[kept], follows=steps[kept]).reason


class TestCategory:
    def test_an_unseen_level_is_named(self):
        column = fitted("category", pd.Series(WORDS))
        with pytest.raises(InputError, match=r"column 'x' holds 'hail', never seen when fitting; known are \["):
            column.encode(pd.Series(["sun", "hail"]))

    def test_ids_are_refused(self):
        text = (
            r"column 'x' holds 201 distinct values in 201 rows, like ids or free text; they are never learned by "
            r"heart. Leave it out with exclude=\['x'\]; or pass it as entity= .* as time= .* group its rare values"
        )
        with pytest.raises(SchemaError, match=text):
            fitted("category", pd.Series([f"k{i}" for i in range(201)]))

    def test_names_of_sequences_are_refused(self):
        names, starts = pd.Series([f"k{i // 10}" for i in range(400)]), np.arange(400) % 10 > 0
        with pytest.raises(SchemaError, match="column 'x' holds 40 distinct values in 400 rows, like ids"):
            fitted("category", names, follows=starts)
        assert fitted("category", names).cell().levels == 40

    def test_too_many_levels(self):
        series = pd.Series(np.arange(50_000).repeat(3).astype(str))
        with pytest.raises(SchemaError, match=r"50000 distinct values in 150000 rows, more than the 5000 that"):
            fitted("category", series)

    def test_categories_that_are_no_plain_values(self):
        series = pd.Series(pd.cut(REAL, 3))
        with pytest.raises(SchemaError, match=r"column 'x' has categories of type 'interval'; .*\.astype\(str\)"):
            fitted("category", series)

    def test_ordered_levels_keep_their_order(self):
        series = SERIES["category"][4]
        assert fitted("category", series).levels == ["snow", "rain", "sun"]

    def test_other_levels_come_by_falling_frequency(self):
        column = fitted("category", pd.Series(["b"] * 5 + ["c"] * 2 + ["a"] * 3))
        assert column.levels == ["b", "a", "c"]
        assert column.share == [0.5, 0.3, 0.2]

    def test_unused_categories_come_back(self):
        series = SERIES["category"][4]
        assert back(fitted("category", series), series).cat.categories.tolist() == ["snow", "hail", "rain", "sun"]

    def test_booleans_put_false_first(self):
        assert fitted("boolean", pd.Series([True, True, False])).levels == [False, True]


class TestMoments:
    @pytest.mark.parametrize("kind", ["datetime", "timedelta", "period"])
    def test_what_is_spread_over_the_cells_decodes_to_the_same_moments(self, kind):
        for series in SERIES[kind]:
            column = fitted(kind, series)
            z = column.encode(series)
            moved = column.spread(z, draws().random(len(z)))
            assert np.abs(moved - z).max() > 0
            assert column.decode(moved).tolist() == series.tolist()

    def test_generated_dates_are_whole_days(self):
        made = pd.Series(fitted("datetime", SERIES["datetime"][0]).decode(draws().normal(size=50)))
        assert (made == made.dt.normalize()).all()


class TestInference:
    @pytest.mark.parametrize(
        ("series", "text"),
        [
            (pd.Series([1j, 2.0]), r"Complex data not supported: column 'x'"),
            (pd.Series([1, "a", 2.5], dtype=object), r"column 'x' holds mixed types \(1 int, 1 str, 1 float\)"),
            (pd.Series([[1], [2]]), r"column 'x' holds nested objects \(2 list\) such as \[1\]; .*explode\(\)"),
            (pd.Series([{"a": 1}, None]), r"holds nested objects \(1 dict\) such as \{'a': 1\}; .*json_normalize\(\)"),
            (pd.Series([{1}, {"a"}]), r"column 'x' holds nested objects \(2 set\) such as \{1\}; .*True and False"),
            (pd.Series([True, "a"], dtype=object), r"column 'x' holds mixed types"),
            (
                pd.Series(pd.cut([1.0, 2.0], 2)).astype("interval"),
                r"column 'x' has dtype interval.*, which is not supp",
            ),
            (
                pd.Series([pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2020", tz="Asia/Tokyo")], dtype=object),
                r"column 'x' holds moments of several time zones \(Asia/Tokyo, UTC\); .*utc=True",
            ),
            (
                pd.Series([pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2020")], dtype=object),
                r"column 'x' holds moments of several time zones \(UTC, none\)",
            ),
            (pd.Series([Decimal("1.5"), Decimal("2")]), r"column 'x' holds 2 Decimal objects.*astype\('float64'\)"),
            (pd.Series([pd.Period("2020"), None], dtype=object), r"column 'x' holds 1 Period objects; .*PeriodIndex"),
            (pd.Series([pd.Timedelta(1), None], dtype=object), r"holds 1 Timedelta objects; .*pd.to_timedelta"),
            (pd.Series([pd.Timestamp("2020").date()] * 2, dtype=object), r"column 'x' holds 2 date objects; convert"),
            (pd.Series([object(), object()]), r"column 'x' holds 2 object objects, which are not supported"),
        ],
    )
    def test_what_has_no_kind_is_named(self, series, text):
        with pytest.raises(SchemaError, match=text):
            infer_kind(series, "x")


def test_category_is_a_category_however_many_rows():
    assert isinstance(fitted("category", pd.Series(["a", "b"])), CategoryColumn)


def test_a_constant_with_gaps_has_a_level_for_them():
    series = pd.Series([3.5, None, 3.5])
    column = fitted("constant", series)
    assert column.encode(series).tolist() == [0, 1, 0]
    assert (column.cell().levels, column.cell().missing) == (2, False)
    pd.testing.assert_series_equal(back(column, series), series)
