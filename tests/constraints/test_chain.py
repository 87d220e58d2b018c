"""Whatever is drawn, the columns that come back hold every constraint, and real ones come back as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json

from tsgan.bundle import pack
from tsgan.constraints import Chain, Derived, Fixed, FixedSum, Inequality, Monotone, Range, violations
from tsgan.errors import ConstraintError, TsganWarning

LENGTHS = np.array([7, 1, 12, 20])
ROWS = int(LENGTHS.sum())


def noisy(parts, rng):
    """Parts as a generator may draw them: moved, shuffled, with other gaps."""
    moved = {}
    for name, series in parts.items():
        gone = series.isna()
        if series.dtype.kind in "mM":
            ticks = rng.normal(size=len(series)) * 5e4
            moved[name] = series + pd.to_timedelta(np.round(ticks), unit="s").astype(f"m8[{series.dt.unit}]")
        elif pd.api.types.is_float_dtype(series.dtype):
            spread = float(np.nan_to_num(series.std())) + 1
            moved[name] = (series + np.round(rng.normal(size=len(series)) * spread, 2)).astype(series.dtype)
        elif pd.api.types.is_integer_dtype(series.dtype):
            moved[name] = series + rng.integers(-20, 20, len(series))
        else:
            moved[name] = series.take(rng.permutation(len(series))).reset_index(drop=True)
        if len(series) > 4 and gone.any():
            moved[name] = moved[name].mask(rng.random(len(series)) < gone.mean())
    return moved


def frame_of(columns, statics, lengths):
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    return pd.DataFrame(
        {
            name: series.take(sequence).reset_index(drop=True) if name in statics else series
            for name, series in columns.items()
        }
    ).assign(**{"the sequence": sequence})


def through(constraints, columns, lengths=None, statics=(), bounds="observed"):
    """Fit, check the exact way back, and return the chain rebuilt from JSON."""
    lengths = np.array([len(next(iter(columns.values())))]) if lengths is None else np.asarray(lengths)
    chain = Chain.fit(constraints, columns, set(statics), lengths, bounds)
    back = chain.inverse(chain.forward(columns, lengths), lengths)
    assert list(back) == list(columns)
    for name, series in columns.items():
        pd.testing.assert_series_equal(back[name], series, check_names=False, rtol=1e-12, atol=1e-12)
    return through_json(chain), lengths


def gaps(rng, series, share):
    return series.mask(rng.random(len(series)) < share) if share else series


def held(chain, constraints, parts, lengths, columns, statics=()):
    back = chain.inverse(parts, lengths)
    table = frame_of(back, statics, lengths)
    like = frame_of(columns, statics, lengths)
    assert set(violations(constraints, table, entity="the sequence", like=like).values()) == {0}
    for name, series in columns.items():
        assert back[name].dtype == series.dtype, name
    return back


def numbers(rng, kind, size=ROWS):
    if kind == "int":
        return pd.Series(rng.integers(-30, 30, size))
    if kind == "Int64":
        return pd.Series(rng.integers(0, 30, size)).astype("Int64")
    if kind == "float":
        return pd.Series(rng.normal(size=size) * 10)
    if kind == "float32":
        return pd.Series(np.round(rng.normal(size=size), 2).astype("float32"))
    if kind == "datetime":
        return pd.Series(
            pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(rng.integers(0, 10**6, size), "s")
        )
    if kind == "timedelta":
        return pd.Series(pd.to_timedelta(rng.integers(0, 10**6, size), "s"))
    return pd.Series(np.round(rng.normal(size=size) * 10, 2))


def later(rng, series, least=0):
    if series.dtype.kind in "mM":
        return series + pd.to_timedelta(rng.integers(least, 10**5, len(series)), "s")
    if pd.api.types.is_integer_dtype(series.dtype):
        return series + rng.integers(least, 9, len(series))
    if series.dtype == "float32":
        return (
            (series + np.round(rng.exponential(size=len(series)), 2).astype("float32") + least)
            .astype("float32")
            .round(2)
        )
    moved = series + rng.exponential(size=len(series)).round(2) + least
    return moved.round(2) if (series.round(2) == series).all() else moved


@given(
    st.integers(0, 10**6),
    st.sampled_from(["int", "Int64", "float", "float32", "decimals", "datetime", "timedelta"]),
    st.sampled_from([0.0, 0.2]),
    st.booleans(),
    st.sampled_from(["chain", "diamond", "static below", "static both"]),
)
def test_orders(seed, kind, share, strict, form):
    rng = np.random.default_rng(seed)
    share = 0.0 if kind == "int" else share
    statics = {"static below": {"a"}, "static both": {"a", "d"}}.get(form, set())
    a = numbers(rng, kind, len(LENGTHS) if statics else ROWS)
    spread = a.take(np.repeat(np.arange(len(LENGTHS)), LENGTHS)).reset_index(drop=True) if statics else a
    b, c = later(rng, spread, int(strict)), later(rng, spread, int(strict))
    d = later(rng, b.where(b >= c, c), int(strict))
    if form == "static both":
        d = d.groupby(np.repeat(np.arange(len(LENGTHS)), LENGTHS)).max().reset_index(drop=True).astype(d.dtype)
    columns = {"d": d, "b": b, "a": a, "c": c}
    columns = {name: series if name in statics else gaps(rng, series, share) for name, series in columns.items()}
    chains = [("a", "b", "d"), ("a", "c", "d")] if form != "chain" else [("a", "b", "d")]
    constraints = [Inequality(*chain, strict=strict) for chain in chains]
    chain, lengths = through(constraints, columns, LENGTHS, statics)
    parts = noisy(chain.forward(columns, lengths), rng)
    if form != "static both" or not strict:
        held(chain, constraints, parts, lengths, columns, statics)


@given(st.integers(0, 10**6), st.sampled_from(["int", "float", "decimals", "timedelta"]), st.booleans(), st.booleans())
def test_sums(seed, kind, total, missing):
    rng = np.random.default_rng(seed)
    columns = {name: numbers(rng, kind) for name in "abc"}
    if total or kind in ("timedelta", "float"):
        columns["t"] = columns["a"] + columns["b"] + columns["c"]
        columns["t"] = columns["t"].round(2) if kind == "decimals" else columns["t"]
        goal = "t"
    else:
        columns["c"] = (100 - columns["a"] - columns["b"]).round(2)
        goal = 100
    if missing and kind != "int":
        columns = {name: gaps(rng, series, 0.1) for name, series in columns.items()}
    constraints = [FixedSum(goal, ["a", "b", "c"])]
    chain, lengths = through(constraints, columns, LENGTHS)
    held(chain, constraints, noisy(chain.forward(columns, lengths), rng), lengths, columns)


@given(
    st.integers(0, 10**6),
    st.sampled_from(["int", "Int64", "float", "decimals", "datetime"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.3]),
)
def test_meters(seed, kind, increasing, strict, share):
    rng = np.random.default_rng(seed)
    sequence = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    steps = pd.Series(rng.integers(1 if strict else 0, 5, ROWS)).groupby(sequence).cumsum() * (1 if increasing else -1)
    first = numbers(rng, kind, len(LENGTHS)).take(sequence).reset_index(drop=True)
    meter = first + (pd.to_timedelta(steps, unit="s") if kind == "datetime" else steps)
    meter = meter.round(2) if kind == "decimals" else meter
    columns = {"m": gaps(rng, meter, 0 if kind == "int" else share)}
    constraints = [Monotone("m", increasing, strict)]
    chain, lengths = through(constraints, columns, LENGTHS)
    parts = chain.forward(columns, lengths)
    assert (parts["\0step 'm'"].isna() == columns["m"].isna()).all()
    assert chain.statics == {"\0start 'm'"}
    held(chain, constraints, noisy(parts, rng), lengths, columns)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.2]))
@settings(max_examples=25)
def test_all_together(seed, share):
    rng = np.random.default_rng(seed)
    price, quantity = pd.Series(rng.uniform(1, 9, ROWS).round(2)), pd.Series(rng.integers(1, 5, ROWS))
    sequence = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    city = pd.Series(rng.choice(["Bonn", "Nice", "Lyon"], ROWS), dtype="str")
    columns = {
        "amount": (price * quantity).round(2),
        "price": price,
        "quantity": quantity,
        "paid": (price * quantity).round(2) - pd.Series(rng.integers(0, 2, ROWS)),
        "city": gaps(rng, city, share),
        "country": city.map({"Bonn": "de", "Nice": "fr", "Lyon": "fr"}).astype("category"),
        "count": pd.Series(rng.integers(0, 3, ROWS)).groupby(sequence).cumsum() + 10.0,
        "left": gaps(rng, pd.Series(rng.integers(0, 9, ROWS) * 1.0), share),
    }
    columns["paid"] = columns["paid"].round(2)
    constraints = [
        Range("amount", 0, 40),
        Derived("amount", "price * quantity"),
        Inequality("paid", "amount"),
        Fixed("city", "country"),
        Monotone("count"),
        Range("count", 0, whole=True),
        Range("left", 0, whole=True),
        Range("quantity", 1),
    ]
    chain, lengths = through(constraints, columns, LENGTHS)
    held(chain, constraints, noisy(chain.forward(columns, lengths), rng), lengths, columns)


def test_a_partial_order_has_no_redundant_part():
    rng = np.random.default_rng(0)
    low = pd.Series(rng.normal(size=50).round(3))
    columns = {"High": low + 3, "Low": low, "Open": low + 1, "Close": low + 2, "Same": low + 2}
    constraints = [Inequality("Low", "Open", "High"), Inequality("Low", "Close", "High"), Derived("Same", "Close")]
    constraints.append(Inequality("Low", "Same"))
    chain, lengths = through(constraints, {name: series.round(3) for name, series in columns.items()})
    assert list(chain.forward(columns, lengths)) == ["\0gap 'High'", "\0gap 'Low'", "Open", "Close"]


def test_what_follows_a_computed_column_is_put_around_it():
    rng = np.random.default_rng(0)
    base = pd.Series(rng.integers(0, 50, ROWS))
    columns = {"a": base, "t": base * 2, "low": base * 2 - 3, "high": base * 2 + 1}
    constraints = [Derived("t", "2 * a"), Inequality("low", "t", "high")]
    chain, lengths = through(constraints, columns, LENGTHS)
    parts = chain.forward(columns, lengths)
    assert list(parts) == ["a", "\0gap 'low'", "\0gap 'high'"]
    held(chain, constraints, noisy(parts, rng), lengths, columns)


def test_a_column_in_between_two_given_ones_is_a_share():
    rng = np.random.default_rng(0)
    a = pd.Series(rng.integers(0, 50, ROWS))
    columns = {"a": a, "one": a * 2, "mid": a * 2 + rng.integers(0, 5, ROWS), "two": a * 2 + 4}
    constraints = [Derived("one", "2 * a"), Derived("two", "2 * a + 4"), Inequality("one", "mid", "two")]
    chain, lengths = through(constraints, columns, LENGTHS)
    parts = chain.forward(columns, lengths)
    assert list(parts) == ["a", "\0share 'mid'"]
    assert parts["\0share 'mid'"].between(0, 1).all()
    held(chain, constraints, noisy(parts, rng), lengths, columns)


def test_observed_bounds_give_way_to_the_order_and_never_break_it():
    low = pd.Series([0.0, 5, 9, 10])
    columns = {"low": low, "high": low + np.array([2, 1, 1, 0])}
    constraints = [Inequality("low", "high")]
    chain, lengths = through(constraints, columns)
    back = chain.inverse({"low": low, "\0gap 'high'": pd.Series([50.0, 50, 50, 50])}, lengths)
    assert back["high"].tolist() == [10, 10, 10, 10]
    chain, lengths = through(constraints, columns, bounds=None)
    assert chain.inverse({"low": low, "\0gap 'high'": pd.Series([50.0] * 4)}, lengths)["high"].max() == 60
    chain, lengths = through(constraints, columns, bounds={"high": (None, 20)})
    assert chain.inverse({"low": low, "\0gap 'high'": pd.Series([50.0] * 4)}, lengths)["high"].max() == 20


def test_a_range_above_caps_what_is_below_it():
    low = pd.Series([0.0, 5, 9, 10])
    constraints = [Inequality("low", "high"), Range("high", high=10)]
    chain, lengths = through(constraints, {"low": low, "high": low + np.array([2, 1, 1, 0])}, bounds=None)
    back = chain.inverse({"low": low + 5, "\0gap 'high'": pd.Series([0.5] * 4)}, lengths)
    assert back["low"].tolist() == [5, 10, 10, 10]
    assert back["high"].tolist() == [6, 10, 10, 10]


def test_parts_of_a_sum_stay_in_their_ranges():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([1, 1, 1], 200)
    a, b = pd.Series((100 * shares[:, 0]).round(1)), pd.Series((100 * shares[:, 1]).round(1))
    columns = {"a": a, "b": b, "c": (100 - a - b).round(1)}
    columns = {name: series.clip(0) for name, series in columns.items()}
    constraints = [FixedSum(100, ["a", "b", "c"]), *(Range(name, 0, 100) for name in "abc")]
    chain, lengths = through(constraints, columns)
    parts = noisy(chain.forward(columns, lengths), rng)
    back = pd.DataFrame(held(chain, constraints, parts, lengths, columns))
    assert (back.sum(axis=1).round(6) == 100).all()
    assert (back.round(1) == back).all(axis=None)


def test_parts_give_way_by_what_a_total_asks_and_no_more():
    columns = {"a": pd.Series([1, 2, 3, 4]), "b": pd.Series([2, 1, 4, 3]), "t": pd.Series([3, 3, 7, 7])}
    chain, lengths = through([FixedSum("t", ["a", "b"]), Range("t", 0, 9)], columns, bounds=None)
    back = chain.inverse({name: pd.Series([7, 8, 2, 3]) for name in "ab"}, lengths)
    assert back["t"].tolist() == [9, 9, 4, 6]  # the last two are no multiple of four from three
    assert (back["a"] + back["b"]).tolist() == back["t"].tolist()


def test_rows_beyond_the_range_of_a_computed_column_take_a_neighbour():
    a = pd.Series(np.arange(10.0))
    constraints = [Derived("b", "a * a"), Range("b", 0, 81)]
    chain, lengths = through(constraints, {"a": a, "b": a * a}, bounds=None)
    back = chain.inverse({"a": a + 3}, lengths)
    assert back["a"].tolist() == [3, 4, 5, 6, 7, 8, 9, 9, 9, 9]
    assert back["b"].tolist() == [9, 16, 25, 36, 49, 64, 81, 81, 81, 81]
    with pytest.warns(TsganWarning, match=r"10 of 10 rows break constraints on \['b'\] that are not kept by const"):
        chain.inverse({"a": a + 20}, lengths)


def test_what_cannot_be_computed_takes_a_neighbour_too():
    a = pd.Series([1.0, 2, 4, 8])
    chain, lengths = through([Derived("n", "round(8 / a)")], {"a": a, "n": pd.Series([8, 4, 2, 1])})
    back = chain.inverse({"a": pd.Series([1.0, 0, 4, 2])}, lengths)
    assert back["n"].tolist() == [8, 8, 2, 4]
    assert back["n"].dtype == "int64"


def test_a_function_computes_and_cannot_be_saved():
    frame = {"a": pd.Series([1, 2, 3]), "b": pd.Series([2, 4, 6])}
    chain = Chain.fit([Derived("b", lambda table: table["a"] * 2)], frame, set(), np.array([3]))
    assert list(chain.forward(frame, np.array([3]))) == ["a"]
    assert chain.inverse({"a": pd.Series([5, 6, 7])}, np.array([3]))["b"].tolist() == [10, 12, 14]
    with pytest.raises(ConstraintError, match="holds a function, which cannot be saved; write it as a formula"):
        pack(chain)


DTYPES = ["int8", "UInt8", "float16", "Float32", "int64[pyarrow]", "float[pyarrow]", "double[pyarrow]"]
MOMENTS = ["datetime64[s]", "timestamp[us][pyarrow]", "timedelta64[ms]", "duration[ns][pyarrow]"]


@pytest.mark.parametrize("dtype", [*DTYPES, *MOMENTS, "timestamp[ns, tz=UTC][pyarrow]"])
def test_dtypes_come_back(dtype):
    rng = np.random.default_rng(0)
    a, more = rng.integers(0, 50, 20), rng.integers(0, 9, 20)

    def column(x):
        if dtype not in DTYPES:
            spans = pd.to_timedelta(x, unit="h")
            x = (
                spans
                if dtype.startswith(("time" + "delta", "dur"))
                else pd.Timestamp(0, tz="UTC" if "UTC" in dtype else None) + spans
            )
        return pd.Series(x).astype(dtype)

    gone = rng.random(20) < (0 if dtype == "int8" else 0.2)
    high = column(a + more)
    columns = {
        "low": column(a),
        "high": high.mask(gone) if gone.any() else high,
        "same": column(a),
        "m": column(np.sort(a)),
    }
    through([Inequality("low", "high"), Derived("same", "low"), Monotone("m")], columns)


def test_joint_statics_and_unknown_combinations():
    columns = {"city": pd.Series(["B", "N"]), "land": pd.Series(["de", "fr"]), "x": pd.Series([1.0, 2, 3])}
    lengths = np.array([1, 2])
    chain, _ = through([Fixed("city", "land")], columns, lengths, {"city", "land"})
    assert chain.statics == {"\0joint ('city', 'land')"}
    assert chain.forward(columns, lengths)["\0joint ('city', 'land')"].tolist() == ["B | de", "N | fr"]
    with pytest.raises(
        ConstraintError, match=r"holds the combination .* never seen when fitting \(1 such rows in all\)"
    ):
        chain.forward(columns | {"land": pd.Series(["de", "de"])}, lengths)
