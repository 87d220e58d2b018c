"""A table in parts is checked, learned from an excerpt and encoded onto disk as the whole would be in memory."""

import gc
import itertools
import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsgan.errors import InputError, SchemaError
from tsgan.panel import Panel, Windows
from tsgan.tables import files as tables
from tsgan.tables import sources
from tsgan.tables.parts import Chunk, Parts, draw_excerpt, encode_to_disk
from tsgan.tables.scan import Scan
from tsgan.tables.sources import in_parts


def _panel(lengths, seed=0):
    """Return a panel table: text keys, stamps, numbers, categories, a static."""
    rng = np.random.default_rng(seed)
    rows = int(np.sum(lengths))
    codes = np.repeat(np.arange(len(lengths)), lengths)
    steps = np.arange(rows) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return pd.DataFrame(
        {
            "id": np.array([f"p{i:04d}" for i in range(len(lengths))], dtype=object)[codes],
            "t": pd.Timestamp("2024-01-01") + pd.to_timedelta(steps, unit="h"),
            "x": rng.standard_normal(rows),
            "hole": np.where(rng.random(rows) < 0.3, np.nan, rng.standard_normal(rows)),
            "kind": pd.Categorical(rng.choice(["a", "b"], rows)),
            "sex": np.array(["m", "f"])[rng.integers(0, 2, len(lengths))][codes],
        }
    ).astype({"id": "str"})


def _series(rows, seed=0):
    rng = np.random.default_rng(seed)
    index = pd.date_range("2024-01-01", periods=rows, freq="h")
    return pd.DataFrame({"x": rng.standard_normal(rows), "n": rng.integers(0, 9, rows)}, index=index)


def _cut(frame, cuts):
    return [frame.iloc[a:b] for a, b in zip([0, *cuts], [*cuts, len(frame)], strict=True)]


def _folder(path, frames):
    path.mkdir()
    for number, frame in enumerate(frames):
        tables.write(frame, path / f"part-{number}.parquet")
    return path


def _encode(frame):
    """Stand-in for an encoder: x, its step from the row before, and the number of the kind's level."""
    codes = np.zeros(len(frame), int) if "id" not in frame else pd.factorize(frame["id"])[0]
    step = np.diff(frame["x"], prepend=np.nan)
    step[np.diff(codes, prepend=-1) != 0] = 0
    lengths = np.bincount(codes).astype(np.int64)
    values = np.stack([frame["x"], step], axis=1)
    if "id" not in frame:
        return Panel(values, lengths, np.ones((1, 1)))
    first = np.cumsum(lengths) - lengths
    statics = (frame["sex"].iloc[first] == "m").to_numpy(np.float64)[:, None]
    return Panel(values, lengths, statics, frame["t"].dt.hour.to_numpy(np.float32)[:, None])


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(sources, "ROWS", 50)


def test_what_is_a_table_in_parts(tmp_path):
    frame = _series(3)
    for yes in ("folder", tmp_path, [tmp_path / "a.parquet", "b.parquet"], [frame, frame], iter([frame])):
        assert in_parts(yes)
    for no in (frame, frame.to_numpy(), [], [np.zeros((3, 2))], [[1.0, 2.0]]):
        assert not in_parts(no)


@pytest.mark.parametrize("kind", ["folder", "files", "frames", "iterator"])
def test_parts_together_are_the_whole(tmp_path, kind):
    frame = _panel([70, 1, 20, 130, 9])
    frames = _cut(frame, [30, 100, 101])
    source = frames
    if kind in ("folder", "files"):
        source = _folder(tmp_path / "parts", frames)
        source = sorted(source.iterdir()) if kind == "files" else source
    elif kind == "iterator":
        source = iter(frames)
    with Parts(source, "id", "t") as parts:
        assert parts.rows == 230
        assert parts.lengths.tolist() == [70, 1, 20, 130, 9]
        for _ in range(2):
            pieces = list(parts)
            assert max(map(len, pieces)) <= 50
            pd.testing.assert_frame_equal(pd.concat(pieces), frame)
        assert parts._folder is None or kind == "iterator"


def test_names_in_a_folder_are_in_the_order_of_their_numbers(tmp_path):
    frame = _series(36)
    folder = _folder(tmp_path / "p", _cut(frame, range(3, 36, 3)))
    (folder / "_SUCCESS").write_text("")
    with Parts(str(folder)) as parts:
        pd.testing.assert_frame_equal(pd.concat(list(parts)), frame, check_freq=False)
    with Parts(folder / "part-10.parquet") as parts:
        assert parts.rows == 3


@given(
    lengths=st.lists(st.integers(1, 40), min_size=2, max_size=30),
    cuts=st.lists(st.floats(0, 1), max_size=5),
    rows=st.integers(1, 90),
)
def test_pieces_hold_whole_sequences(lengths, cuts, rows):
    frame = _panel(lengths)
    with Parts(_cut(frame, sorted(int(c * len(frame)) for c in cuts)), "id") as parts:
        pieces = list(parts.chunks(rows))
    pd.testing.assert_frame_equal(pd.concat([piece.frame for piece in pieces]), frame)
    assert all(len(piece.frame) >= 2 for piece in pieces)
    for one, two in itertools.pairwise(pieces):
        assert one.frame["id"].iloc[-1] != two.frame["id"].iloc[0]


@given(rows=st.integers(2, 300), size=st.integers(1, 120), margin=st.integers(0, 30))
def test_stretches_of_a_long_series_have_context(rows, size, margin):
    frame = _series(rows)
    with Parts([frame]) as parts:
        pieces = list(parts.chunks(size, margin))

    def kept(piece: Chunk):
        return piece.frame.iloc[piece.before : len(piece.frame) - piece.after]

    pd.testing.assert_frame_equal(pd.concat([kept(piece) for piece in pieces]), frame, check_freq=False)
    assert [piece.before for piece in pieces] == [min(margin, i * size) for i in range(len(pieces))]
    assert {piece.after for piece in pieces[:-1]} <= {margin}


@pytest.mark.parametrize("rows", [40, 10_000])
def test_a_panel_on_disk_is_the_one_in_memory(tmp_path, monkeypatch, rows):
    monkeypatch.setattr("tsgan.tables.parts.Parts.chunks.__defaults__", (rows, 64))
    frame = _panel(np.random.default_rng(1).integers(1, 60, 30))
    whole = _encode(frame)
    with Parts(_folder(tmp_path / "p", _cut(frame, [100, 333])), "id", "t") as parts:
        panel = encode_to_disk(parts, _encode)
        assert isinstance(panel.values, np.memmap)
        assert (panel.values.dtype, panel.covariates.dtype) == (np.float64, np.float32)
        assert not panel.values.flags.writeable
        for name in ("values", "lengths", "statics", "covariates"):
            np.testing.assert_array_equal(getattr(panel, name), getattr(whole, name))
        windows = [Windows(p, np.array([3, 50]), np.array([5, 2]), np.array([0, 1]), 5) for p in (panel, whole)]
        np.testing.assert_array_equal(windows[0].values(), windows[1].values())
        folder = parts.folder
        assert {path.name for path in folder.iterdir()} == {"values.npy", "covariates.npy"}
    assert not folder.exists()


def test_a_long_series_is_encoded_as_one_sequence(monkeypatch):
    monkeypatch.setattr("tsgan.tables.parts.Parts.chunks.__defaults__", (70, 8))
    frame = _series(500)
    with Parts(iter(_cut(frame, [90, 300]))) as parts:
        panel = encode_to_disk(parts, _encode)
        np.testing.assert_array_equal(panel.values, _encode(frame).values)
        assert panel.lengths.tolist() == [500]
        assert panel.statics.tolist() == [[1]]
        assert panel.covariates.shape == (500, 0)


def test_the_temporary_folder_goes_with_its_owner(recwarn):
    parts = Parts(iter([_series(9)]))
    folder = parts.folder
    assert folder.exists()
    parts.close()
    parts.close()
    assert not folder.exists()
    with pytest.raises(SchemaError), Parts(iter([_series(9)]), entity="who"):
        pass
    gc.collect()


def test_an_encoder_that_loses_rows_is_noticed():
    with Parts([_series(20)]) as parts, pytest.raises(ValueError, match="encoding 20 rows gave 19"):
        encode_to_disk(parts, lambda frame: _encode(frame.iloc[1:]))


def test_no_room_on_the_disk_is_told():
    with Parts([_series(20)]) as parts, pytest.raises(InputError, match=r"cannot be written: .*let TMPDIR name"):
        encode_to_disk(parts, _encode, parts.folder / "absent")


class TestExcerpt:
    def _rare(self):
        frame = _panel([25] * 400)
        frame.loc[7777, "x"] = 1e6
        frame.loc[5001, "x"] = -1e6
        frame["kind"] = frame["kind"].cat.add_categories(["rare"])
        frame.loc[9998, "kind"] = "rare"
        frame["late"] = 1.0
        frame.loc[1234, "late"] = np.nan
        return frame

    def test_a_small_table_is_taken_whole(self):
        frame = _panel([25] * 4)
        with Parts([frame], "id") as parts:
            excerpt = draw_excerpt(parts, 100, np.random.default_rng(0))
        pd.testing.assert_frame_equal(excerpt.frame, frame)
        assert excerpt.whole

    def test_whole_sequences_with_extremes_levels_and_missing_values(self):
        frame = self._rare()
        with Parts(_cut(frame, [3333, 6001]), "id", "t") as parts:
            excerpt = draw_excerpt(parts, 1000, np.random.default_rng(0))
            other = draw_excerpt(parts, 1000, np.random.default_rng(1))
        got = excerpt.frame
        assert excerpt.whole
        assert 1000 <= len(got) <= 1600
        assert set(excerpt.lengths) == {25}
        assert excerpt.lengths.sum() == len(got)
        pd.testing.assert_frame_equal(got, frame[frame["id"].isin(got["id"])])
        assert (got["x"].min(), got["x"].max()) == (-1e6, 1e6)
        assert set(got["kind"]) == {"a", "b", "rare"}
        assert got["late"].isna().any()
        assert (got["hole"].min(), got["hole"].max()) == (frame["hole"].min(), frame["hole"].max())
        assert {"p0000", "p0399"} <= set(got["id"])  # the key with the highest number: new ones begin after it
        assert len(set(other.frame["id"]) - set(got["id"])) > 10

    def test_long_sequences_are_taken_by_stretches(self):
        frame = self._rare()
        frame["id"] = np.repeat(["p1", "p2", "q"], [4000, 4000, 2000])
        with Parts([frame], "id") as parts:
            excerpt = draw_excerpt(parts, 600, np.random.default_rng(0))
        assert not excerpt.whole
        assert 600 <= len(excerpt.frame) < 1000
        assert set(excerpt.frame["id"]) == {"p1", "p2", "q"}
        assert (excerpt.frame["x"].min(), excerpt.frame["x"].max()) == (-1e6, 1e6)
        ends = np.cumsum(excerpt.lengths)
        numbers = excerpt.frame.index.to_numpy()
        for a, b in zip(ends - excerpt.lengths, ends, strict=True):
            assert numbers[b - 1] - numbers[a] == b - a - 1
            assert excerpt.frame["id"].iloc[a:b].nunique() == 1

    def test_a_long_series_is_taken_by_stretches_all_over(self):
        frame = _series(20_000)
        frame.iloc[15_555, 0] = 99.0
        with Parts([frame]) as parts:
            excerpt = draw_excerpt(parts, 1000, np.random.default_rng(0))
        got = excerpt.frame
        assert 900 <= len(got) <= 1300
        assert got["x"].max() == 99
        assert got.index[0] == frame.index[0]
        assert got.index[-1] == frame.index[-1]
        places = frame.index.get_indexer(got.index)
        jumps = np.flatnonzero(np.diff(places) != 1) + 1
        assert np.cumsum(excerpt.lengths)[:-1].tolist() == jumps.tolist()
        assert len(jumps) > 40

    def test_free_text_is_not_searched_for_every_level(self, monkeypatch):
        monkeypatch.setattr("tsgan.tables.scan.MAX_LEVELS", 100)
        frame = _panel([2] * 2000)
        frame["note"] = [f"text {i}" for i in range(len(frame))]
        with Parts([frame], "id") as parts:
            assert len(draw_excerpt(parts, 200, np.random.default_rng(0)).frame) < 300

    def test_every_form_of_key_is_in_it(self):
        frame = _panel([2] * 1000)
        names = [f"p{i}" for i in range(998)]
        frame["id"] = np.repeat([*names[:500], "synthetic_7", *names[500:], "x-00012"], 2)
        with Parts([frame], "id") as parts:
            keys = set(draw_excerpt(parts, 100, np.random.default_rng(0)).frame["id"])
        assert {"p0", "p997", "synthetic_7", "x-00012"} <= keys
        frame["id"] = np.repeat(np.random.default_rng(0).permutation(1000), 2)
        with Parts([frame], "id") as parts:
            assert {0, 999} <= set(draw_excerpt(parts, 100, np.random.default_rng(0)).frame["id"])


class TestTypes:
    def test_whole_numbers_that_miss_in_some_part_are_decimals_as_when_read_whole(self, tmp_path):
        import pyarrow as pa
        from pyarrow import parquet

        n = pa.array([1, 2, None, 4, 5, 6], pa.int64())
        b = pa.array([True, False, True, None, True, True])
        (tmp_path / "p").mkdir()
        whole = pa.table({"n": n, "b": b})
        for at in (0, 3):
            parquet.write_table(whole.slice(at, 3), tmp_path / "p" / f"{at}.parquet")
        with Parts(tmp_path / "p") as parts:
            pd.testing.assert_frame_equal(pd.concat(list(parts)), whole.to_pandas())

    def test_levels_are_those_of_all_parts(self):
        frames = [pd.DataFrame({"k": pd.Categorical([level, "a"])}) for level in ("a", "c", "b")]
        with Parts(frames) as parts:
            for frame in parts:
                assert frame["k"].cat.categories.tolist() == ["a", "c", "b"]

    def test_a_part_where_all_is_missing_takes_the_type_of_the_others(self, tmp_path):
        frames = [pd.DataFrame({"k": [None, None], "x": [1, 2]}), pd.DataFrame({"k": ["a", "b"], "x": [1, 2]})]
        for source in (frames, _folder(tmp_path / "p", frames), iter(frames)):
            with Parts(source) as parts:
                assert [str(frame["k"].dtype) for frame in parts] == [str(frames[1]["k"].dtype)] * 2

    def test_an_iterator_keeps_types_that_parquet_has_not(self):
        frame = pd.DataFrame({1: pd.Categorical([3, 1], categories=[3, 1, 2], ordered=True), 2: [0.5, 1.5]})
        with Parts(iter([frame, frame])) as parts:
            pd.testing.assert_frame_equal(pd.concat(list(parts)), pd.concat([frame, frame], ignore_index=True))


def _two(**changes):
    frame = _panel([3, 3, 3])
    return [frame.iloc[:4], frame.iloc[4:].assign(**changes)]


@pytest.mark.parametrize(
    ("frames", "entity", "kind", "words"),
    [
        (_two(x=1), "id", SchemaError, "part 2: column 'x' is int64, in part 1 it is float64; give all parts the same"),
        (_two(y=1), "id", SchemaError, "part 2: the columns are not those of part 1: not known ['y']"),
        ([_two()[0], _two()[1].drop(columns=["x"])], "id", SchemaError, "not those of part 1: missing ['x']"),
        ([_two()[0], _two()[1][["t", "id", "x", "hole", "kind", "sex"]]], "id", SchemaError, "are in another order"),
        (_two(), "who", SchemaError, "entity='who' is not a column; the parts have ['id', 't', 'x', 'hole',"),
        (_two()[::-1], "id", InputError, "part 2: the entity 'id'='p0001' comes back after other entities; the rows"),
        (_two(id=None), "id", InputError, "part 2: the entity 'id' is missing (NaN) in 5 rows; fill or drop them"),
        ([], "id", InputError, "there are no parts: the iterator gave no frame"),
        ([_two()[0], "x"], "id", InputError, "part 2 is a str; every part must be a pandas DataFrame"),
        ([_two()[0].head(0)], "id", InputError, "the parts hold no rows"),
        (
            [_series(9), _series(9)],
            None,
            InputError,
            "part 2: the time index does not increase: '2024-01-01 00:00:00' ",
        ),
    ],
)
def test_bad_parts_are_named(frames, entity, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        Parts(frames, entity, None)
    if len(frames) > 1 and "str" not in words:
        with pytest.raises(kind, match=re.escape(words)):
            Parts(iter(frames), entity, None)


def test_time_that_goes_back_within_a_part_is_told_with_both_stamps():
    frame = pd.DataFrame({"t": [0, 1, 3, 2], "x": 1.0})
    words = "part 1: the time 't' does not increase: '2' comes after '3'; the parts of one long series must be in time"
    with pytest.raises(InputError, match=re.escape(words)):
        Parts([frame], time="t")
    with Parts([frame.assign(e="a")], "e", "t") as parts:
        assert parts.rows == 4


def test_an_ordered_category_must_have_the_same_levels():
    def frame(levels):
        return pd.DataFrame({"g": pd.Categorical(["lo"], categories=levels, ordered=True)})

    with pytest.raises(SchemaError, match=re.escape("part 2: column 'g' is category of str, ordered ['hi', 'lo'], in")):
        Parts([frame(["lo", "hi"]), frame(["hi", "lo"])])


def test_an_ordered_category_in_files_too(tmp_path):
    frames = [pd.DataFrame({"g": pd.Categorical(["lo"], levels, ordered=True)}) for levels in (["lo", "hi"], ["lo"])]
    folder = _folder(tmp_path / "p", frames)
    words = "column 'g' is an ordered category with levels that differ: ['lo', 'hi'] and ['lo']; set them all"
    with pytest.raises(SchemaError, match=re.escape(words)):
        Parts(folder)


def test_an_outer_level_called_sequence_is_the_entity():
    index = pd.MultiIndex.from_product([[0, 1, 2], range(4)], names=["sequence", None])
    frame = pd.DataFrame({"x": np.arange(12.0)}, index=index)
    with Parts([frame.iloc[:6], frame.iloc[6:]]) as parts:
        assert parts.entity == "sequence"
        assert parts.lengths.tolist() == [4, 4, 4]
        pd.testing.assert_frame_equal(pd.concat(list(parts)), frame)


def test_frames_that_are_others_when_read_again():
    class Growing:
        length = 3

        def __iter__(self):
            Growing.length += 1
            return iter([_series(Growing.length)])

    with Parts(Growing()) as parts, pytest.raises(InputError, match="rows when first read and have 7 now"):
        list(parts)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "absent", "absent: no such file or folder"),
        (lambda p: p, "the folder holds no .parquet file"),
        (lambda p: [p / "a.csv"], "a.csv: the parts of a table must be parquet files"),
        (lambda p: [p / "a.parquet"], "a.parquet: no such file"),
    ],
)
def test_paths_that_are_no_parts(tmp_path, make, words):
    with pytest.raises(InputError, match=re.escape(words)):
        Parts(make(tmp_path))


def test_folders_in_a_folder_are_not_passed_over(tmp_path):
    _folder(tmp_path / "year=2024", [_series(3)])
    with pytest.raises(InputError, match="holds folders of parquet files; pass their paths as a list, in order"):
        Parts(tmp_path)


def test_files_that_differ_are_named(tmp_path):
    frame = _series(4)
    one = _folder(tmp_path / "one", [frame, frame.astype({"n": "float64"})])
    words = r"part-1\.parquet: column 'n' is double, in .*part-0\.parquet it is int64; give all parts the same type"
    with pytest.raises(SchemaError, match=words):
        Parts(one)
    two = _folder(tmp_path / "two", [frame, frame.rename(columns={"n": "m"})])
    with pytest.raises(
        SchemaError, match=r"part-1\.parquet: the columns are not those of .*missing \['n'\], not known"
    ):
        Parts(two)


def test_keys_whose_hashes_agree_are_told_apart(monkeypatch):
    for module in ("scan", "parts"):
        monkeypatch.setattr(f"tsgan.tables.{module}.hashes", lambda keys: np.ones(len(keys), dtype=np.uint64))

    frames = _two()
    with Parts(frames, "id") as parts:
        assert parts.lengths.tolist() == [3, 3, 3]
    with pytest.raises(InputError, match="'id'='p0001' comes back after other entities"):
        Parts(frames[::-1], "id")


def test_a_fraction_of_the_table_is_in_memory(monkeypatch):
    monkeypatch.setattr(sources, "ROWS", 5_000)
    monkeypatch.setattr("tsgan.tables.parts.Parts.chunks.__defaults__", (10_000, 64))
    count, rows = 40, 10_000

    def frames():
        for part in range(count):
            values = np.random.default_rng(part).standard_normal((rows, 8))
            frame = pd.DataFrame(values, columns=list("abcdefgx"))
            frame["id"] = np.repeat(np.arange(100) + 100 * part, 100)
            yield frame

    def encode(frame):
        lengths = np.bincount(pd.factorize(frame["id"])[0]).astype(np.int64)
        return Panel(frame[list("abcdefgx")].to_numpy(), lengths, np.zeros((len(lengths), 0)))

    tracemalloc.start()
    try:
        with Parts(frames(), "id") as parts:
            draw_excerpt(parts, 20_000, np.random.default_rng(0))
            panel = encode_to_disk(parts, encode)
            assert len(panel) == 100 * count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.3 * count * rows * 9 * 8


def test_a_code_of_which_a_level_comes_once_is_in_the_excerpt():
    code = np.full(5000, 101)
    code[[40, 4000]] = 205, 999
    frame = pd.DataFrame({"code": code, "many": np.arange(5000) % 400})
    scan = Scan(None, None)
    for part in (frame[:2500], frame[2500:]):
        scan.add("part", part)
    assert scan.needed.tolist() == [0, 40, 399, 4000]  # of numbers with many values the extremes
