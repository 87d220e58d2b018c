"""What others have written down of a table gives roles, kinds and ranges, and a table that differs is refused."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from tsgan import Inequality, Range, RecurrentGAN, formats
from tsgan.cli import commands
from tsgan.errors import InputError, ParameterError, SchemaError
from tsgan.metadata import Metadata, Said, read

FAST = {"steps": 0, "verbose": False, "random_state": 0}


def table(n=20, steps=15):
    rng = np.random.default_rng(0)
    rows = n * steps
    return pd.DataFrame(
        {
            "meter": np.repeat([f"m{i:02d}" for i in range(n)], steps),
            "day": np.tile(pd.date_range("2024-01-01", periods=steps), n),
            "owner": np.repeat([f"name {i}" for i in range(n)], steps),
            "load": rng.gamma(2.0, size=rows).round(2),
            "state": rng.choice(["on", "off"], rows),
            "code": rng.choice([10, 20, 30], rows),
            "ok": rng.random(rows) < 0.5,
        }
    )


SDV = {
    "columns": {
        "meter": {"sdtype": "id"},
        "day": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d"},
        "owner": {"sdtype": "name"},
        "load": {"sdtype": "numerical", "computer_representation": "UInt8"},
        "state": {"sdtype": "categorical"},
        "code": {"sdtype": "categorical"},
        "ok": {"sdtype": "boolean"},
    },
    "sequence_key": "meter",
    "sequence_index": "day",
    "METADATA_SPEC_VERSION": "SINGLE_TABLE_V1",
}
FRICTIONLESS = {
    "fields": [
        {"name": "meter", "type": "string", "constraints": {"required": True}},
        {"name": "day", "type": "date"},
        {"name": "owner", "type": "string"},
        {"name": "load", "type": "number", "constraints": {"minimum": 0, "maximum": 50}},
        {"name": "state", "type": "string", "constraints": {"enum": ["on", "off"]}},
        {"name": "code", "type": "integer", "constraints": {"enum": ["10", "20", "30"], "exclusiveMinimum": 0}},
        {"name": "ok", "type": "boolean"},
    ],
    "primaryKey": ["meter", "day"],
    "missingValues": ["", "-"],
}
PANDERA = {
    "schema_type": "dataframe",
    "columns": {
        "meter": {"dtype": "string[pyarrow]"},
        "day": {"dtype": "datetime64[us]"},
        "owner": {"dtype": "str", "nullable": True},
        "load": {"dtype": "float64", "greater_than": -1, "less_than_or_equal_to": 50},
        "state": {"dtype": "str", "isin": ["on", "off"]},
        "code": {"dtype": "int64", "in_range": {"min_value": 10, "max_value": 31, "include_max": False}},
        "ok": {"dtype": "bool"},
    },
    "unique": ["meter", "day"],
    "strict": True,
}


def changed(document, column, **more):
    """Return metadata with other words about one column."""
    made = json.loads(json.dumps(document))
    if "fields" in made:
        field = next(one for one in made["fields"] if one["name"] == column)
        field.setdefault("constraints", {}).update(more)
    else:
        made["columns"][column].update(more)
    return made


def test_sdv_gives_roles_kinds_and_ranges():
    for document in (SDV, {"tables": {"t": SDV}, "METADATA_SPEC_VERSION": "V1", "relationships": []}):
        gan = RecurrentGAN.from_metadata(document, **FAST)
        assert (gan.entity, gan.time, gan.exclude) == ("meter", "day", ["owner"])
        assert gan.kinds == {"load": "number", "state": "category", "code": "category"}
        assert [repr(one) for one in gan.constraints] == ["Range('load', 0)"]
    drawn = gan.fit(table()).sample(3)
    assert list(drawn.columns) == ["meter", "day", "load", "state", "code", "ok"]
    assert gan.schema_["code"].kind == "category"


def test_a_frictionless_schema_gives_roles_kinds_and_ranges():
    for document in (FRICTIONLESS, {"schema": FRICTIONLESS}, {"resources": [{"name": "t", "schema": FRICTIONLESS}]}):
        gan = RecurrentGAN.from_metadata(document, **FAST)
        assert (gan.entity, gan.time, gan.exclude) == ("meter", "day", None)
        assert gan.kinds == {"load": "number", "state": "category"}
        assert [one.text for one in gan.constraints] == ["0 <= load <= 50", "5e-324 <= code"]
    gan.set_params(exclude=["owner"]).fit(table())
    assert set(gan.sample(5)["code"]) <= {10, 20, 30}


def test_pandera_gives_roles_kinds_and_ranges():
    pandera = pytest.importorskip("pandera.pandas")
    gan = RecurrentGAN.from_metadata(PANDERA, exclude=["owner"], **FAST)
    assert (gan.entity, gan.time) == ("meter", "day")
    assert [one.ends("code")[:2] for one in gan.constraints][1] == (10, np.nextafter(31, 0))
    gan.fit(table())
    check = pandera.Check
    schema = pandera.DataFrameSchema(
        {
            "meter": pandera.Column(str),
            "day": pandera.Column("datetime64[us]"),
            "load": pandera.Column(float, [check.gt(-1), check.le(50)]),
            "state": pandera.Column(str, check.isin(["on", "off"]), nullable=True),
            "code": pandera.Column(int, check.in_range(10, 31, include_max=False)),
        },
        unique=["meter", "day"],
    )
    assert RecurrentGAN.from_metadata(schema, **FAST).fit(table().drop(columns="owner")).entity == "meter"
    told = read(schema)
    assert told.columns["load"] == Said("number", -1, 50, above=True, required=True)
    assert told.columns["state"] == Said("category", levels=("on", "off"))
    assert not told.whole


def test_files_and_objects_are_read(tmp_path):
    (tmp_path / "sdv.json").write_text(json.dumps(SDV))
    assert read(tmp_path / "sdv.json").columns == read(SDV).columns

    class Described:
        def to_dict(self):
            return SDV

    assert read(Described()) == read(SDV)
    yaml = pytest.importorskip("yaml")
    (tmp_path / "pandera.yaml").write_text(yaml.safe_dump(PANDERA))
    assert read(tmp_path / "pandera.yaml").columns == read(PANDERA).columns
    older = {"columns": {"x": {"dtype": "float64", "checks": {"greater_than_or_equal_to": 2}}}}
    newer = [{"value": 2, "options": {"check_name": "greater_than_or_equal_to"}}]
    for document in (older, {"columns": {"x": {"dtype": "float64", "checks": newer}}}):
        assert read(document).columns["x"] == Said("number", 2, required=True)


def test_keys_of_rows_are_left_out_and_arguments_win():
    document = {"fields": [{"name": "row", "type": "integer"}, {"name": "x", "type": "number"}], "primaryKey": "row"}
    assert read(document).exclude == ("row",)
    document["fields"][0]["type"] = "datetime"
    assert (read(document).time, read(document).exclude) == ("row", ())
    counted = {"columns": {"who": {"dtype": "str"}, "step": {"dtype": "int64"}}, "unique": ["who", "step"]}
    assert (read(counted).entity, read(counted).time) == ("who", "step")
    gan = RecurrentGAN.from_metadata(SDV, entity="owner", exclude=["meter"], kinds=None)
    assert (gan.entity, gan.exclude, gan.kinds) == ("owner", ["meter"], None)
    RecurrentGAN.from_metadata(FRICTIONLESS, exclude=["owner", "load"], **FAST).fit(table())


def test_the_metadata_is_saved_with_the_model(tmp_path):
    gan = RecurrentGAN.from_metadata(FRICTIONLESS, exclude=["owner"], **FAST).fit(table())
    gan.save(tmp_path / "m")
    assert RecurrentGAN.load(tmp_path / "m").metadata == gan.metadata


def edited(**columns):
    """Return a table with one value of some columns changed, or all of a column."""
    made = table().astype({name: object for name in columns if name in table().columns})
    for name, value in columns.items():
        if np.ndim(value):
            made[name] = value
        else:
            made.loc[7, name] = value
    return made if all(map(np.ndim, columns.values())) else made.infer_objects()


CONTRADICTED = {
    "a column that is not there": (
        SDV,
        table().drop(columns="ok"),
        SchemaError,
        "has the column 'ok', and the table has",
    ),
    "a column that is not named": (
        SDV,
        table().assign(x=1),
        SchemaError,
        "the table has the column 'x', and the metadata",
    ),
    "text for numbers": (
        SDV,
        edited(load="high"),
        SchemaError,
        r"column 'load': row 7 holds 'high', and the metadata says that it holds numbers \(1 such rows",
    ),
    "numbers as text": (
        SDV,
        table().astype({"load": str}),
        SchemaError,
        r"column 'load': row 0 holds .* says that it holds numbers \(300 such",
    ),
    "numbers for moments": (SDV, edited(day=np.arange(300)), SchemaError, "'day': row 0 holds 0, .* holds moments"),
    "moments for categories": (
        SDV,
        edited(state=pd.date_range("2020", periods=300).to_numpy()),
        SchemaError,
        "column 'state': row 0 holds .* says that it holds categories",
    ),
    "moments written otherwise": (
        SDV,
        edited(day=np.array(["01.02.2024"] * 300, dtype=object)),
        SchemaError,
        "'day': row 0 holds '01.02.2024', .* holds moments written '%Y-%m-%d'",
    ),
    "numbers for booleans": (
        SDV,
        edited(ok=np.arange(300)),
        SchemaError,
        "'ok': row 2 holds 2, .* holds True and False",
    ),
    "below an unsigned number": (SDV, edited(load=-3.0), InputError, "'load': row 7 holds -3.0, .* it is at least 0"),
    "above the maximum": (FRICTIONLESS, edited(load=51.5), InputError, "'load': row 7 holds 51.5, .* it is at most 50"),
    "a level that is not said": (
        FRICTIONLESS,
        edited(state="idle"),
        InputError,
        r"'state': row 7 holds 'idle', .* it is one of \['on', 'off'\]",
    ),
    "a code that is not said": (FRICTIONLESS, edited(code=40), InputError, r"'code': row 7 holds 40, .* one of \['10'"),
    "missing": (
        PANDERA,
        edited(load=np.nan),
        InputError,
        "column 'load': row 7 is missing, and the metadata says that",
    ),
    "a text for missing": (
        FRICTIONLESS,
        edited(load="-"),
        SchemaError,
        "column 'load': row 7 holds '-', which the metadata counts as missing; read the table with na_values",
    ),
    "the end itself": (
        changed(PANDERA, "load", greater_than=float(table()["load"].min())),
        table(),
        InputError,
        r"column 'load': row \d+ holds (.*), and the metadata says that it is above \1 ",
    ),
    "an end below": (
        changed(PANDERA, "code", in_range={"min_value": 10, "max_value": 30, "include_max": False}),
        table(),
        InputError,
        "'code': row .* holds 30, .* below 30",
    ),
    "not unique": (changed(PANDERA, "state", unique=True), table(), InputError, "'state': row .* no value comes twice"),
    "a key twice": (
        FRICTIONLESS,
        edited(day=pd.Timestamp("2024-01-01")),
        InputError,
        r"row 7 repeats the key .*'m00'.* says that \['meter', 'day'\] tell rows apart \(1 such rows",
    ),
    "a moment outside": (
        changed(FRICTIONLESS, "day", maximum="2024-01-10"),
        table(),
        InputError,
        "column 'day': row 10 holds .*2024-01-11.* says that it is at most '2024-01-10'",
    ),
    "an end of another kind": (
        changed(FRICTIONLESS, "day", maximum="soon"),
        table(),
        SchemaError,
        "column 'day' is datetime64.*, and the metadata says that it is at most 'soon'; correct it",
    ),
}


@pytest.mark.parametrize("case", CONTRADICTED)
def test_a_table_that_differs_is_refused(case):
    document, frame, error, text = CONTRADICTED[case]
    gan = RecurrentGAN.from_metadata(document, **{**FAST, "exclude": ["owner"]})
    with pytest.raises(error, match=text) as caught:
        gan.fit(frame)
    assert type(caught.value) is error


UNREAD = {
    "no file": ("nowhere.json", "the metadata nowhere.json cannot be read: No such file"),
    "no metadata": ({"columns": {"x": {"type": "float"}}}, "is no metadata that is known: SDV's has 'columns'"),
    "a list": ([1], "is a list; pass a path, a dict, or an object"),
    "several tables": ({"tables": {"a": SDV, "b": SDV}}, r"tells of 2 tables, \['a', 'b'\]; pass one alone"),
    "several resources": (
        {"resources": [{"schema": FRICTIONLESS}, {"schema": FRICTIONLESS}]},
        "holds 2 resources with a schema; pass one of them alone",
    ),
    "a type": ({"fields": [{"name": "x", "type": "object"}]}, "the field 'x' is of type 'object', which no column"),
    "a key": ({**FRICTIONLESS, "primaryKey": ["metre"]}, "'metre' of its key is none of its columns.*mean 'meter'"),
    "a list as role": (
        {**SDV, "sequence_key": ["meter"]},
        r"is not as SDV, Frictionless or pandera write it \(TypeError",
    ),
    "a column of nothing": ({"columns": {"x": None}}, r"is not as SDV, Frictionless or pandera write it \(TypeError"),
    "a field without a name": (
        {"fields": [{"type": "number"}]},
        r"write it \(KeyError: 'name'\); write it anew by one",
    ),
    "rules in a list": ({"fields": [{"name": "x", "constraints": [1]}]}, r"write it \(AttributeError"),
    "a role": ({**SDV, "sequence_key": "metre"}, "its sequence_key 'metre' is none of its columns.*mean 'meter'"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_what_is_no_metadata_is_refused(case):
    source, text = UNREAD[case]
    with pytest.raises(InputError, match=text):
        read(source)


def test_files_that_are_no_json_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.json is not JSON: Expecting"):
        read(tmp_path / "a.json")
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(InputError, match=r"a\.yaml is not YAML"):
        read(tmp_path / "a.yaml")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(InputError, match="is YAML, which needs PyYAML: pip install pyyaml, or write JSON by to_json"):
        read(tmp_path / "a.yaml")


def test_arguments_that_are_none_are_refused():
    with pytest.raises(ParameterError, match=r"entitty='a' is no argument; .* Did you mean 'entity'"):
        RecurrentGAN.from_metadata(SDV, entitty="a")
    with pytest.raises(ParameterError, match="metadata= takes what from_metadata reads"):
        RecurrentGAN(metadata=SDV, **FAST).fit(table())
    assert isinstance(RecurrentGAN.from_metadata(SDV).metadata, Metadata)


def test_the_command_line_takes_metadata(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sdv.json").write_text(json.dumps(SDV))
    table().to_csv("t.csv", index=False)
    short = ["fit", "t.csv", "-o", "m", "--steps", "0", "--metadata", "sdv.json"]
    assert commands.main([*short, "--kinds", '{"code": "number"}']) == 0
    said = capsys.readouterr().err
    assert "sdv.json: kinds={" in said
    assert "left out, flags win" in said
    assert "sdv.json: owner left out of the model: identifiers, or personal" in said
    assert RecurrentGAN.load("m").schema_["code"].kind == "integer"
    table().drop(columns="ok").to_csv("t.csv", index=False)
    assert commands.main([*short, "-q"]) == 1
    assert "the metadata sdv.json has the column 'ok', and the table has not" in capsys.readouterr().err


def test_a_drawn_table_passes_its_pandera_schema_and_a_broken_one_does_not():
    pandera = pytest.importorskip("pandera.errors")
    real = table().drop(columns="owner")
    real["load"] = real["load"].astype("float32")
    real.loc[5:8, "state"] = None
    real["high"] = real["load"] + 1.5
    rules = [Inequality("load", "high"), Range("code", 10, 30)]
    gan = RecurrentGAN(entity="meter", time="day", constraints=rules, protect=0, **FAST).fit(real)
    schema = gan.schema_.to_pandera()
    drawn = gan.sample(40)
    schema.validate(drawn, lazy=True)
    schema.validate(real, lazy=True)
    breaks = [
        {"load": drawn["load"].astype("float64")},
        {"load": drawn["load"].where(drawn.index != 3, np.float32("nan"))},
        {"state": "idle"},
        {"code": 31},
        {"day": drawn["day"].iloc[0]},
        {"more": 1},
    ]
    for one in breaks:
        with pytest.raises((pandera.SchemaError, pandera.SchemaErrors)):
            schema.validate(drawn.assign(**one))
    with pytest.raises((pandera.SchemaError, pandera.SchemaErrors)):
        schema.validate(drawn.drop(columns="ok"))


def test_the_schema_of_a_format_is_that_of_its_long_table():
    pytest.importorskip("pandera")
    real = table()[["meter", "day", "load"]].rename(columns={"meter": "unique_id", "day": "ds", "load": "y"})
    gan = RecurrentGAN(**FAST).fit(formats.read(real))
    gan.schema_.to_pandera().validate(formats.read(gan.sample(3)).frame)


def test_pandera_that_is_missing_is_named(monkeypatch):
    gan = RecurrentGAN(**FAST).fit(table()[["load", "code"]])
    monkeypatch.setitem(sys.modules, "pandera", None)
    with pytest.raises(InputError, match=r"to_pandera\(\) needs pandera, which is not installed .*tsgan\[pandera\]"):
        gan.schema_.to_pandera()
