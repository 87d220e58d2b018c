"""A saved model: what is written is read, what is damaged is refused, and a crash leaves the old one whole."""

import hashlib
import json
import os
import shutil
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from through_json import through_json

from tsgan import bundle
from tsgan.bundle import FORMAT, NAME, Held, check, pack, read, saved, unpack, write
from tsgan.errors import CorruptModelError, ModelFileError, NewerFormatError, NotAModelError
from tsgan.unfinished import HOST

OLD = {"name": "old", "numbers": [1, 2.5, None], "nested": {"key": "ä"}}
NEW = {"name": "new"}


def _parts(value=0.0):
    rng = np.random.default_rng(int(value))
    return {
        "process": {"mean": rng.normal(size=(3, 2)), "aligned": np.array([1])},
        "generator": {"out.weight": rng.normal(size=(4, 5)).astype(np.float32), "empty": np.zeros((0, 2))},
    }


def _save(path, document=OLD, value=0.0):
    write(path, document, _parts(value), "1.2.3")
    return path


@pytest.fixture
def model(tmp_path):
    return _save(tmp_path / "model")


def _same(parts, value=0.0):
    wanted = _parts(value)
    assert parts.keys() == wanted.keys()
    for name, arrays in wanted.items():
        assert parts[name].keys() == arrays.keys()
        for key, array in arrays.items():
            assert parts[name][key].dtype == array.dtype
            assert np.array_equal(parts[name][key], array)


def _tensors(path, name="generator"):
    (found,) = path.glob(f"{name}-*.safetensors")
    return found


def _edit(path, change):
    document = json.loads((path / NAME).read_text())
    change(document)
    (path / NAME).write_text(json.dumps(document))


class TestRoundTrip:
    def test_what_is_written_is_read(self, model):
        document, parts = read(model)
        _same(parts)
        assert {key: document[key] for key in OLD} == OLD
        assert (document["format"], document["tsgan"]) == (FORMAT, "1.2.3")

    def test_files_are_one_json_and_one_of_tensors_per_part(self, model):
        names = sorted(path.name.split("-")[0] for path in model.iterdir())
        assert names == ["generator", NAME, "process"]
        assert all(path.suffix in (".json", ".safetensors") for path in model.iterdir())

    def test_a_model_is_replaced_and_nothing_of_it_stays(self, model):
        before = {path.name for path in model.iterdir()}
        _save(model, NEW, 7)
        document, parts = read(model)
        assert document["name"] == "new"
        _same(parts, 7)
        assert {path.name for path in model.iterdir()} & before == {NAME}
        assert len(list(model.iterdir())) == 3

    def test_the_same_again(self, model):
        _save(model)
        _same(read(model)[1])
        assert len(list(model.iterdir())) == 3

    def test_an_empty_directory_and_parents(self, tmp_path):
        (tmp_path / "empty").mkdir()
        for place in (tmp_path / "empty", tmp_path / "a" / "b", str(tmp_path / "text")):
            _save(place)
            _same(read(place)[1])

    def test_no_parts(self, tmp_path):
        write(tmp_path / "m", NEW, {}, "1")
        assert read(tmp_path / "m")[1] == {}

    def test_arrays_in_any_order_of_memory(self, tmp_path):
        array = np.arange(12.0).reshape(3, 4)
        write(tmp_path / "m", NEW, {"a": {"t": array.T, "s": array[:, ::2]}}, "1")
        found = read(tmp_path / "m")[1]["a"]
        assert np.array_equal(found["t"], array.T)
        assert np.array_equal(found["s"], array[:, ::2])

    def test_another_s_files_beside_a_model_stay(self, model):
        for name in ("notes.txt", "other.safetensors"):
            (model / name).write_text("mine")
        _save(model, NEW, 7)
        assert (model / "notes.txt").read_text() == (model / "other.safetensors").read_text() == "mine"

    def test_the_same_model_is_the_same_bytes(self, tmp_path):
        one, two = _save(tmp_path / "one"), _save(tmp_path / "two")
        assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in two.iterdir()}


class TestWhereNotToWrite:
    def test_a_file_is_in_the_way(self, tmp_path):
        place = tmp_path / "taken"
        place.write_text("mine")
        with pytest.raises(ModelFileError, match=r"taken is a file; a model is saved as a directory: choose another"):
            _save(place)
        assert place.read_text() == "mine"

    def test_a_directory_of_other_things(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("mine")
        with pytest.raises(ModelFileError, match=r"exists and holds no model; choose a new or an empty directory"):
            _save(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    def test_tensors_of_another_are_other_things(self, tmp_path):
        (tmp_path / "weights.safetensors").write_text("mine")
        with pytest.raises(ModelFileError, match="exists and holds no model"):
            _save(tmp_path)

    def test_below_a_file(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ModelFileError, match=r"the model could not be written to .*file.model: "):
            _save(tmp_path / "file" / "model")

    def test_a_place_that_cannot_be_written_is_told_before(self, tmp_path, monkeypatch):
        check(tmp_path / "new" / "model")
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ModelFileError, match=r"the model could not be written to .*: .*file is no folder to write"):
            check(tmp_path / "file" / "model")
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(ModelFileError, match=r"the model could not be written to .*: .* is no folder to write to"):
            check(tmp_path / "new")

    def test_a_disk_without_room(self, tmp_path, monkeypatch):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=2**20))
        with pytest.raises(ModelFileError, match=r"could not be written to .*: 1 MiB are free, and it may need 32"):
            check(tmp_path / "model")

    def test_numbers_that_json_cannot_hold_leave_the_old_model(self, model):
        with pytest.raises(ValueError, match="JSON"):
            _save(model, {"bad": float("nan")}, 7)
        _same(read(model)[1])


class TestWhatIsNoModel:
    def test_nothing_there(self, tmp_path):
        with pytest.raises(NotAModelError, match=r"nowhere is no saved model: it does not exist; pass the directory"):
            read(tmp_path / "nowhere")

    def test_an_empty_directory(self, tmp_path):
        with pytest.raises(NotAModelError, match=rf"is no saved model: it has no {NAME}; pass the directory that save"):
            read(tmp_path)

    def test_a_file(self, tmp_path):
        (tmp_path / "f").write_text("{}")
        with pytest.raises(NotAModelError, match=rf"f is no saved model: it has no {NAME}"):
            read(tmp_path / "f")

    def test_errors_are_os_errors(self, tmp_path):
        with pytest.raises(OSError, match="no saved model"):
            read(tmp_path)


class TestDamage:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            "3",
            '{"format": 5}',
            '{"format": null, "files": {}}',
            '{"format": "x", "files": {}}',
            '{"format": 5, "files": []}',
            '{"format": 5, "files": {"a": "b"}}',
            '{"format": 5, "files": {"a": {"file": "x"}}}',
            '{"format": 5, "files": {}',
            '{"format": Infinity, "files": {}}',
            "[" * 100_000,
        ],
    )
    def test_mangled_json(self, model, text):
        (model / NAME).write_text(text)
        with pytest.raises(CorruptModelError, match=r"model.json cannot be read \(.*\); save the model again"):
            read(model)

    def test_json_that_is_no_text(self, model):
        (model / NAME).write_bytes(b"\xff\xfe\x00")
        with pytest.raises(CorruptModelError, match=r"model.json cannot be read"):
            read(model)

    def test_json_cut_short_anywhere(self, model):
        whole = (model / NAME).read_bytes()
        for end in range(0, len(whole) - 1, 37):
            (model / NAME).write_bytes(whole[:end])
            with pytest.raises(CorruptModelError, match="cannot be read"):
                read(model)

    def test_a_newer_format(self, model):
        _edit(model, lambda document: document.update(format=FORMAT + 1, tsgan="9.0"))
        text = rf"has format {FORMAT + 1}, saved by tsgan 9.0; this tsgan reads up to format {FORMAT}: upgrade tsgan"
        with pytest.raises(NewerFormatError, match=text):
            read(model)

    def test_a_newer_format_of_another_form(self, model):
        (model / NAME).write_text('{"format": 99, "tensors": []}')
        with pytest.raises(NewerFormatError, match="format 99, saved by tsgan None"):
            read(model)

    def test_an_older_format_is_another_model(self, model):
        _edit(model, lambda document: document.update(format=1, tsgan="0.0.9"))
        text = r"has format 1, saved by tsgan 0.0.9; this tsgan has another model and cannot read it: fit it again"
        with pytest.raises(ModelFileError, match=text):
            read(model)

    def test_a_missing_file(self, model):
        name = _tensors(model).name
        _tensors(model).unlink()
        with pytest.raises(CorruptModelError, match=rf"the file {name} is missing or unreadable \("):
            read(model)

    @pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
    def test_a_file_that_is_no_plain_file_is_not_opened(self, model, kind):
        for place, text in (
            (_tensors(model), r"\(.* is no plain file\)"),
            (model / NAME, "is no saved model: it has a"),
        ):
            place.unlink()
            {"fifo": os.mkfifo, "folder": Path.mkdir, "device": lambda at: at.symlink_to("/dev/zero")}[kind](place)
            with pytest.raises(ModelFileError, match=text):
                read(model)

    def test_a_model_json_of_absurd_size_is_neither_read_nor_written(self, model, monkeypatch):
        monkeypatch.setattr(bundle, "LARGEST", 100)
        with pytest.raises(CorruptModelError, match=r"cannot be read .*it has 0 MiB, more than 0"):
            read(model)
        text = r"model.json would have 0 MiB, more than the 0 that are read; leave out text columns of very many levels"
        with pytest.raises(ModelFileError, match=text):
            _save(model)

    def test_a_tensor_of_a_type_that_numpy_lacks(self, model):
        header = json.dumps({"x": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}).encode()
        file = _tensors(model)
        file.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        _edit(model, lambda document: document["files"]["generator"].update(sha256=digest))
        with pytest.raises(CorruptModelError, match=r"is no safetensors file \("):
            read(model, check=False)

    def test_a_name_that_is_no_text(self, model):
        _edit(model, lambda document: document["files"]["generator"].update(file=5))
        with pytest.raises(CorruptModelError, match=r"the file 5 is missing or unreadable"):
            read(model, check=False)

    def test_a_file_elsewhere_is_not_read(self, model):
        _tensors(model).rename(model.parent / "secret")
        _edit(model, lambda document: document["files"]["generator"].update(file="../secret"))
        with pytest.raises(CorruptModelError, match=r"the file ../secret is missing"):
            read(model, check=False)

    def test_one_flipped_bit_anywhere(self, model):
        place = _tensors(model)
        data = place.read_bytes()
        for at in (0, 9, len(data) // 2, len(data) - 1):
            place.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(CorruptModelError, match=r"is damaged \(its checksum differs\); save the model again"):
                read(model)

    def test_a_file_cut_short(self, model):
        place = _tensors(model)
        place.write_bytes(place.read_bytes()[:-5])
        with pytest.raises(CorruptModelError, match=r"is damaged \(its checksum differs\)"):
            read(model)

    def test_a_file_of_another_format(self, model):
        import hashlib

        _tensors(model).write_bytes(b"no tensors here")
        digest = hashlib.sha256(b"no tensors here").hexdigest()
        _edit(model, lambda document: document["files"]["generator"].update(sha256=digest))
        with pytest.raises(CorruptModelError, match=r"the file generator-\w+.safetensors is no safetensors file \("):
            read(model, check=False)


class Crash(BaseException):
    """The machine stops here: nothing may catch it."""


def _crash_at(monkeypatch, name, which, error):
    """Let the call number `which` of a method of Path fail."""
    calls, method = [], getattr(Path, name)

    def failing(self, *args, **kwargs):
        calls.append(self)
        if len(calls) == which:
            raise error
        return method(self, *args, **kwargs)

    monkeypatch.setattr(Path, name, failing)
    return calls


class TestCrash:
    @pytest.mark.parametrize("error", [OSError("disk full"), Crash()], ids=["full", "crash"])
    @pytest.mark.parametrize("which", [1, 2, 3])
    def test_leaves_the_old_model_and_nothing_half(self, model, monkeypatch, which, error):
        with monkeypatch.context() as patch:
            _crash_at(patch, "replace", which, error)
            with pytest.raises((ModelFileError, Crash)):
                _save(model, NEW, 7)
        document, parts = read(model)
        assert document["name"] == "old"
        _same(parts)
        assert not list(model.glob(".*"))
        _save(model, NEW, 7)
        _same(read(model)[1], 7)
        assert len(list(model.iterdir())) == 3

    def test_there_are_three_moments(self, model, monkeypatch):
        calls = _crash_at(monkeypatch, "replace", 99, Crash())
        _save(model, NEW, 7)
        assert [path.suffix for path in calls] == [".part"] * 3 + [".safetensors"] * 2

    def test_after_the_switch_the_new_model_is_whole(self, model, monkeypatch):
        with monkeypatch.context() as patch:
            calls = _crash_at(patch, "unlink", 4, OSError("gone"))  # three of temporary names, then the old tensors
            with pytest.raises(ModelFileError, match=r"the model could not be written to .*: gone"):
                _save(model, NEW, 7)
        assert len(calls) == 4
        document, parts = read(model)
        assert document["name"] == "new"
        _same(parts, 7)

    def test_a_full_disk_says_so(self, model, monkeypatch):
        def full(fd):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ModelFileError, match=r"the model could not be written to .*No space left on device"):
            _save(model, NEW, 7)
        assert not list(model.glob(".*"))
        _same(read(model)[1])

    @pytest.mark.parametrize("which", [1, 2, 3])
    def test_a_first_save_can_be_tried_again(self, tmp_path, monkeypatch, which):
        place = tmp_path / "model"
        with monkeypatch.context() as patch:
            _crash_at(patch, "replace", which, OSError("disk full"))
            with pytest.raises(ModelFileError, match="disk full"):
                _save(place)
        with pytest.raises(NotAModelError):
            read(place)
        _save(place)
        _same(read(place)[1])

    def test_what_a_killed_process_left_is_swept(self, model):
        left = [
            f".generator-0123456789ab.safetensors.a1.{HOST}-{2**22 + 1}.part",  # Linux has no such process
            f".model.json.a1.{HOST}-{os.getppid()}.part",
            "generator-0123456789ab.safetensors",
        ]
        for name in left:
            (model / name).write_text("half")
        _save(model, NEW, 7)
        assert sorted(left[1:]) == sorted({path.name for path in model.iterdir()} & set(left))  # others may live
        (model / left[1]).unlink()
        os.utime(model / left[2], (0, 0))
        _save(model, OLD)
        assert len(list(model.iterdir())) == 3


class TestTwoAtOnce:
    """What several processes do with one directory."""

    def test_savers_leave_one_whole_model_and_readers_get_one(self, model):
        done, found = threading.Event(), []

        def save(document, value):
            for _ in range(25):
                _save(model, document, value)

        def look():
            while not done.is_set():
                document, parts = read(model)
                _same(parts, {"old": 0.0, "new": 7}[document["name"]])
                found.append(document["name"])

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(look) for _ in range(2)]
            savers = [pool.submit(save, OLD, 0.0), pool.submit(save, NEW, 7)]
            for saver in savers:
                saver.result()
            done.set()
            for reader in readers:
                reader.result()
        assert set(found) == {"old", "new"}
        document, parts = read(model)
        _same(parts, {"old": 0.0, "new": 7}[document["name"]])

    def test_tensors_that_another_took_away_are_written_again(self, model, monkeypatch):
        method, names = Path.replace, []

        def meanwhile(self, target):
            result = method(self, target)
            names.append(target.name)
            if target.name == NAME:
                _tensors(model).unlink()
            return result

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", meanwhile)
            _save(model, OLD)
        _same(read(model)[1])
        assert len([name for name in names if name.startswith("generator")]) == 2


class TestChanged:
    """`model.json` that somebody edited."""

    def test_is_refused_and_read_when_that_is_said(self, model):
        _edit(model, lambda document: document.update(name="mine"))
        text = r"model.json is not as it was saved \(its checksum differs\); save the model again, or, if you"
        with pytest.raises(CorruptModelError, match=text):
            read(model)
        assert read(model, check=False)[0]["name"] == "mine"

    def test_the_order_of_its_lines_does_not_matter(self, model):
        document = json.loads((model / NAME).read_text())
        (model / NAME).write_text(json.dumps(dict(reversed(document.items()))))
        assert read(model)[0]["name"] == "old"


@saved
@dataclass(frozen=True)
class Leaf:
    """A class that can be saved."""

    name: str
    size: float = 0.0
    kind: Literal["a", "b"] = "a"
    path: tuple[int, ...] = ()
    more: "Leaf | None" = None
    numbers: np.ndarray | None = None


@saved
@dataclass(frozen=True)
class Curve:
    """A class whose numbers are declared."""

    x: Annotated[NDArray[np.float64], Held(order="increasing", shape=("knots",), least=1)]
    y: Annotated[NDArray[np.float64], Held(order="rising", shape=("knots",))]
    rows: Annotated[int | None, Held(1, 9)] = None
    shares: Annotated[dict[str, float], Held(0, 1)] = field(default_factory=dict)
    pairs: tuple[tuple[int, str], ...] = ()
    names: list[str | int] = field(default_factory=list)


@saved
class Rule:
    """A class that is saved as its arguments."""

    def __init__(self, *names, strict=False):
        self.names, self.strict = names, strict

    def packed(self):
        return self.names, {"strict": self.strict}


PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text()


def containers(inner):
    return (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers(), st.text()), inner, max_size=3)
        | st.frozensets(st.integers() | st.text(), max_size=3)
        | st.builds(Leaf, st.text(), st.floats(allow_nan=False), path=st.lists(st.integers(), max_size=2).map(tuple))
    )


VALUES = PLAIN | containers(PLAIN) | containers(PLAIN | containers(PLAIN))


class TestPacking:
    @given(VALUES)
    def test_values_come_back_as_they_were(self, value):
        again = through_json(value)
        assert again == value
        assert repr(again) == repr(value) or isinstance(value, frozenset) or "frozenset" in repr(value)

    def test_arrays_are_named_by_their_path(self):
        tree = {"one": [Leaf("x", more=Leaf("y", numbers=np.arange(3)))], (1, 2): np.ones(2, dtype=np.float32)}
        data, arrays = pack(tree)
        assert sorted(arrays) == ["0.0.more.numbers", "1"]
        again = unpack(json.loads(json.dumps(data)), arrays)
        np.testing.assert_array_equal(again["one"][0].more.numbers, np.arange(3))
        assert again[1, 2].dtype == np.float32

    def test_numpy_scalars_become_plain_and_infinities_stay(self):
        data, _ = pack([np.float64(1.5), np.int64(3), np.bool_(True), -np.inf])
        assert json.dumps(data, allow_nan=False) == '[1.5, 3, true, {"$float": "-inf"}]'
        assert np.isnan(through_json(float("nan")))

    def test_arguments_make_a_class_again(self):
        again = through_json({"rule": Rule("a", 1, strict=True)})["rule"]
        assert (again.names, again.strict) == (("a", 1), True)

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({"a": [1, object()]}, r"a.1 is a object, which cannot be saved"),
            (print, r"this is a builtin_function_or_method, which cannot be saved"),
            (np.array(["x"]), r"this is a ndarray, which cannot be saved"),
            (type("Leaf", (), {})(), r"this is a Leaf, which cannot be saved"),
        ],
    )
    def test_what_cannot_be_saved(self, value, text):
        with pytest.raises(TypeError, match=text):
            pack(value)

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            ({"$is": "Popen", "args": "ls"}, "Popen"),
            ({"$is": "Leaf"}, "name"),
            ({"$is": "Leaf", "name": "x", "colour": 1}, "colour"),
            ({"$is": "Leaf", "name": 3}, r"Leaf.name cannot be 3"),
            ({"$is": "Leaf", "name": "x", "size": "big"}, r"Leaf\('x'\).size cannot be 'big'"),
            ({"$is": "Leaf", "name": "x", "size": True}, r"Leaf\('x'\).size cannot be True"),
            ({"$is": "Leaf", "name": "x", "kind": "c"}, r"Leaf\('x'\).kind cannot be 'c'"),
            ({"$is": "Leaf", "name": "x", "path": [1]}, r"Leaf\('x'\).path cannot be \[1\]"),
            ({"$is": "Leaf", "name": "x", "more": {"a": 1}}, r"Leaf\('x'\).more cannot be \{'a': 1\}"),
            ({"$array": "gone"}, "gone"),
            ({"$float": "much"}, "much"),
            ({"$odd": 1}, "odd"),
            ({"$map": [[1]]}, "unpack"),
        ],
    )
    def test_what_is_no_packed_value(self, data, text):
        with pytest.raises(ValueError, match=text):
            unpack(data, {})

    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"x": np.zeros(2)}, "Curve.x must be increasing"),
            ({"x": np.zeros((2, 1))}, "Curve.x must have 1 axes, not 2"),
            ({"x": np.zeros(0)}, "Curve.x must have 1 numbers at least, not 0"),
            ({"x": np.zeros(2, dtype=np.float32)}, r"Curve.x cannot be float32 of shape \(2,\)"),
            ({"y": np.zeros(3)}, "Curve.y must have 2 knots, not 3"),
            ({"y": np.array([1.0, 0.0])}, "Curve.y must be rising"),
            ({"y": np.array([1.0, np.nan])}, "Curve.y must be finite"),
            ({"rows": 0}, "Curve.rows must be 1 at least, not 0"),
            ({"rows": 10}, "Curve.rows must be 9 at most, not 10"),
            ({"shares": {"a": 2.0}}, "Curve.shares must be 1 at most, not 2"),
            ({"shares": {"a": "b"}}, r"Curve.shares\['a'\] cannot be 'b'"),
            ({"pairs": ((1, "a"), (2, 3))}, r"Curve.pairs\[1\]\[1\] cannot be 3"),
            ({"pairs": ((1, "a", 2),)}, r"Curve.pairs\[0\] cannot be \(1, 'a', 2\)"),
            ({"names": ["a", 1, None]}, r"Curve.names\[2\] cannot be None"),
        ],
    )
    def test_what_a_field_holds_is_declared_and_looked_at(self, fields, text):
        whole = {"x": np.arange(2.0), "y": np.ones(2)}
        assert through_json(Curve(**whole)).rows is None
        with pytest.raises(ValueError, match=text):
            through_json(Curve(**whole | fields))

    def test_what_is_read_is_of_a_kind(self):
        assert unpack([1], {}, list[int]) == [1]
        with pytest.raises(ValueError, match=r"it\[0\] cannot be 'x'"):
            unpack(["x"], {}, list[int])

    def test_nesting_without_end_is_refused(self):
        data: Any = 0
        for _ in range(100_000):
            data = [data]
        with pytest.raises(ValueError, match="RecursionError"):
            unpack(data, {})

    def test_two_classes_of_one_name_are_refused(self):
        with pytest.raises(AssertionError, match="two classes are called Leaf"):
            saved(type("Leaf", (), {}))
