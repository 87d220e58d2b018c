"""What others have written down of a table: SDV's metadata, a Frictionless table schema, a pandera schema.

They give roles, kinds and ranges for `RecurrentGAN.from_metadata`, and what they say is compared with the table by
`fit`. A table that they do not fit is refused; nothing is guessed or mended.

=======  ==========================================  ===========================================================
here     SDV                                         Frictionless, pandera
=======  ==========================================  ===========================================================
entity   `sequence_key`                              of two columns of a joint key (`primaryKey`, `unique`) the
                                                     one that is no moment
time     `sequence_index`                            the one that is a moment, or the only number
exclude  `id`, and personal sdtypes (`pii`)          a column that is a key of rows by itself
kinds    numerical, categorical                      numbers; text with `enum`, `isin`; categories
`Range`  unsigned `computer_representation`          minimum, maximum; ge, gt, le, lt, in_range
=======  ==========================================  ===========================================================

None of them knows columns with one value per entity: pass `static=` beside them.

References: https://docs.sdv.dev/sdv/concepts/metadata/metadata-json, https://datapackage.org/standard/table-schema,
https://pandera.readthedocs.io/en/stable/schema_inference.html
"""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Number
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from .bundle import saved
from .constraints.ranges import Range
from .errors import InputError, SchemaError, nearest_name
from .tables.dtypes import Name, plain, temporal

Kind = Literal["number", "category", "boolean", "datetime", "any"]
SDV: dict[str, Kind] = {
    "numerical": "number",
    "categorical": "category",
    "boolean": "boolean",
    "datetime": "datetime",
    "unknown": "any",
}
FRICTIONLESS: dict[str, Kind] = {
    **dict.fromkeys(("number", "integer", "year"), "number"),
    **dict.fromkeys(("date", "datetime"), "datetime"),
    "boolean": "boolean",
    **dict.fromkeys(("string", "time", "yearmonth", "duration", "any", "geopoint"), "any"),
}
# What pandera calls its checks in JSON, which end they are, and whether the end itself is left out.
ENDS = {
    "greater_than_or_equal_to": ("low", False),
    "greater_than": ("low", True),
    "less_than_or_equal_to": ("high", False),
    "less_than": ("high", True),
}
NOTHING: Mapping[str, Any] = MappingProxyType({})


@saved
@dataclass(frozen=True)
class Said:
    """What is said of one column.

    Attributes
    ----------
    kind : {"number", "category", "boolean", "datetime", "any"}
    low, high : number or text, optional
        Ends of its range; `above` and `below` say that they are themselves outside it.
    levels : tuple, optional
        All values that it may have.
    required : bool
        Whether no value may be missing.
    unique : bool
        Whether no value comes twice.
    format : str
        How moments are written as text, for `strptime`.
    there : bool
        Whether the table must have it.
    """

    kind: Kind = "any"
    low: Any = None
    high: Any = None
    above: bool = False
    below: bool = False
    levels: tuple[Any, ...] | None = None
    required: bool = False
    unique: bool = False
    format: str = ""
    there: bool = True


@saved
@dataclass(frozen=True)
class Metadata:
    """What is said of a table.

    Attributes
    ----------
    source : str
        What it was read from, for messages.
    columns : dict of name to Said
    entity, time : str, optional
    exclude : tuple of str
    whole : bool
        Whether the table has no other columns.
    missing : tuple of str
        Texts that stand for a missing value.
    key : tuple of str
        Columns that tell rows apart.
    """

    source: str
    columns: dict[Name, Said]
    entity: Name | None = None
    time: Name | None = None
    exclude: tuple[Name, ...] = ()
    whole: bool = True
    missing: tuple[str, ...] = ()
    key: tuple[Name, ...] = ()

    def arguments(self, given: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
        """Return the arguments of `RecurrentGAN` that follow from it, `metadata` among them, beside those `given`."""
        roles = {"entity": self.entity, "time": self.time, "exclude": list(self.exclude) or None}
        taken = {name: given.get(name, own) for name, own in roles.items()}
        left = (taken["entity"], taken["time"], *(taken["exclude"] or ()))
        own = {name: said for name, said in self.columns.items() if name not in left}
        kinds = {
            name: said.kind
            for name, said in own.items()
            if said.kind == "category" or (said.kind == "number" and said.levels is None)
        }
        bounded = [(name, said) for name, said in own.items() if said.kind in ("number", "datetime")]
        ends = [(name, _inner(said, "low"), _inner(said, "high")) for name, said in bounded]
        rules = [Range(*one) for one in ends if one[1:] != (None, None)]
        found = {"metadata": self, **roles, "kinds": kinds or None, "constraints": rules or None}
        return {name: value for name, value in found.items() if value is not None}

    def check(self, table: pd.DataFrame) -> None:
        """Refuse a table that is not as it is said to be; named levels of the index count as columns.

        Raises
        ------
        SchemaError
            Naming the column: it is not there, or is not said to be there, or is of another kind.
        InputError
            Naming column, row and value: outside the range, none of the levels, missing, or there twice.
        """
        levels = [name for name in table.index.names if name is not None and name not in table.columns]
        names = [plain(name) for name in (*levels, *table.columns)]
        for name, said in self.columns.items():
            if name not in names and said.there:
                raise SchemaError(
                    f"{self.source} has the column {name!r}, and the table has not{nearest_name(name, names)}"
                )
        if self.whole and (extra := [name for name in names if name not in self.columns]):
            near = nearest_name(extra[0], self.columns)
            raise SchemaError(f"the table has the column {extra[0]!r}, and {self.source} has not{near}")
        for name, said in self.columns.items():
            if name in names:
                series = table[name] if name in table.columns else table.index.get_level_values(str(name)).to_series()
                self._check_column(name, said, series.reset_index(drop=True))
        whole = table.reset_index(levels) if levels else table
        key = list(self.key)
        double: Any = np.flatnonzero(whole.duplicated(key)) if key and set(key) <= set(names) else ()
        if len(double):
            values = whole[key].iloc[int(double[0])].to_dict()
            raise InputError(
                f"row {double[0]} repeats the key {values}, and {self.source} says that {key} tell rows apart "
                f"({len(double)} such rows, counted from 0)"
            )

    def _check_column(self, name: Name, said: Said, series: pd.Series[Any]) -> None:
        words = series.dtype == object or isinstance(series.dtype, pd.StringDtype | pd.CategoricalDtype)
        marked = series.isin(self.missing) if words and self.missing else pd.Series(False, index=series.index)
        if said.kind == "number" and marked.any():
            raise SchemaError(
                f"column {name!r}: row {int(marked.argmax())} holds {series[marked].iloc[0]!r}, which {self.source} "
                "counts as missing; read the table with na_values= of it, or replace it by NaN"
            )
        known = series[series.notna() & ~marked]

        def refuse(wrong: Any, what: str, error: type[InputError] = InputError) -> None:
            wrong = np.asarray(wrong, dtype=bool)
            if wrong.any():
                row, more = known.index[int(wrong.argmax())], int(wrong.sum())
                raise error(
                    f"column {name!r}: row {row} holds {plain(known[row])!r}, and {self.source} says that {what} "
                    f"({more} such rows, counted from 0)"
                )

        if said.required and len(known) < len(series):
            row = int((series.isna() | marked).argmax())
            raise InputError(
                f"column {name!r}: row {row} is missing, and {self.source} says that none is; fill or drop it"
            )
        values = _as_kind(said, known)
        refuse(values.isna(), f"it holds {_words(said)}", SchemaError)
        if said.levels is not None:
            same = known.isin(said.levels) | known.astype(str).isin(list(map(str, said.levels)))
            refuse(~same, f"it is one of {list(said.levels[:20])}")
        ends = (("at least", said.low, operator.lt), ("at most", said.high, operator.gt))
        ends = (("above", said.low, operator.le), ends[1]) if said.above else ends
        ends = (ends[0], ("below", said.high, operator.ge)) if said.below else ends
        for what, end, out in (one for one in ends if one[1] is not None):
            try:
                limit = _limit(end, values)
            except (TypeError, ValueError) as error:
                raise SchemaError(
                    f"column {name!r} is {series.dtype}, and {self.source} says that it is {what} {end!r}; correct it"
                ) from error
            refuse(out(values, limit), f"it is {what} {end!r}")
        if said.unique:
            refuse(known.duplicated(), "no value comes twice")


def read(source: Any) -> Metadata:
    """Return what is said of a table.

    Parameters
    ----------
    source : path, dict, or object
        A file in JSON (pandera's also in YAML) or its content: SDV's `Metadata` (of one table) or
        `SingleTableMetadata`, a Frictionless table schema, or a resource or package with one, or a pandera schema;
        or the object itself of one of these libraries.

    Raises
    ------
    InputError
        If the source cannot be read, is none of these, or tells of several tables.
    """
    if isinstance(source, Metadata):
        return source
    name, document = _document(source)
    try:
        return _read(name, document)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{name} is not as SDV, Frictionless or pandera write it ({type(error).__name__}: {error}); write it anew "
            "by one of them"
        ) from error


def _read(name: str, document: Mapping[str, Any]) -> Metadata:
    """Return what a document says; one that is damaged fails in any way."""
    if "tables" in document:
        found = document["tables"]
        if len(found) != 1:
            raise InputError(
                f"{name} tells of {len(found)} tables, {list(found)}; pass one alone, as {{'tables': {{name: ...}}}}"
            )
        document = next(iter(found.values()))
    if "resources" in document:
        found = [one for one in document["resources"] if "schema" in one]
        if len(found) != 1:
            raise InputError(f"{name} holds {len(found)} resources with a schema; pass one of them alone")
        document = found[0]
    document = document.get("schema", document) if "fields" not in document else document
    if isinstance(document, Mapping) and isinstance(document.get("fields"), Sequence):
        return _from_frictionless(name, document)
    columns = document.get("columns") if isinstance(document, Mapping) else None
    if isinstance(columns, Mapping) and columns and all("sdtype" in one for one in columns.values()):
        return _from_sdv(name, document)
    if isinstance(columns, Mapping) and all(isinstance(one, Mapping) and "dtype" in one for one in columns.values()):
        return _from_pandera(name, document)
    raise InputError(
        f"{name} is no metadata that is known: SDV's has 'columns' with an 'sdtype' each, a Frictionless schema has "
        "'fields', pandera's has 'columns' with a 'dtype' each"
    )


def _document(source: Any) -> tuple[str, Mapping[str, Any]]:
    """Return a name for messages, and the content."""
    name = f"the metadata {source}" if isinstance(source, str | os.PathLike) else "the metadata"
    if isinstance(source, str | os.PathLike):
        try:
            text = Path(source).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
        source = text if Path(source).suffix.lower() not in (".yaml", ".yml") else _yaml(text, name)
    for method in ("to_json", "to_descriptor", "to_dict"):
        if not isinstance(source, str | Mapping) and hasattr(source, method):
            source = getattr(source, method)()
            break
    if isinstance(source, str):
        try:
            source = json.loads(source)
        except ValueError as error:
            raise InputError(f"{name} is not JSON: {error}") from error
    if not isinstance(source, Mapping):
        raise InputError(
            f"{name} is a {type(source).__name__}; pass a path, a dict, or an object of SDV, Frictionless or pandera"
        )
    return name, source


def _yaml(text: str, name: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise InputError(
            f"{name} is YAML, which needs PyYAML: pip install pyyaml, or write JSON by to_json()"
        ) from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{name} is not YAML: {error}") from error


def _from_sdv(name: str, document: Mapping[str, Any]) -> Metadata:
    entity, time = document.get("sequence_key"), document.get("sequence_index")
    columns: dict[Name, Said] = {}
    private = []
    for column, one in document["columns"].items():
        sdtype = one["sdtype"]
        kind = SDV.get(sdtype, "any")
        if column not in (entity, time) and (
            sdtype == "id" or one.get("pii", sdtype not in SDV or sdtype == "unknown")
        ):
            private.append(column)
        low = 0 if kind == "number" and str(one.get("computer_representation", "")).startswith("UInt") else None
        columns[column] = Said(kind, low=low, format=one.get("datetime_format") or "")
    for role, asked in (("sequence_key", entity), ("sequence_index", time)):
        if asked is not None and asked not in columns:
            raise InputError(f"{name}: its {role} {asked!r} is none of its columns{nearest_name(asked, columns)}")
    return Metadata(name, columns, entity, time, tuple(private))


def _from_frictionless(name: str, document: Mapping[str, Any]) -> Metadata:
    columns: dict[Name, Said] = {}
    for one in document["fields"]:
        kind = one.get("type", "any")
        if kind not in FRICTIONLESS:
            raise InputError(
                f"{name}: the field {one.get('name')!r} is of type {kind!r}, which no column of a series has; known "
                f"are {sorted(FRICTIONLESS)}"
            )
        rules = one.get("constraints", {})
        enum = rules.get("enum") or [
            level.get("value") if isinstance(level, Mapping) else level for level in one.get("categories", [])
        ]
        low, high = (rules.get(f"exclusive{end}", rules.get(end.lower())) for end in ("Minimum", "Maximum"))
        columns[one["name"]] = Said(
            "category" if enum and FRICTIONLESS[kind] == "any" else FRICTIONLESS[kind],
            low,
            high,
            "exclusiveMinimum" in rules,
            "exclusiveMaximum" in rules,
            tuple(enum) or None,
            bool(rules.get("required")),
            bool(rules.get("unique")),
            one.get("format", "") if "%" in one.get("format", "") else "",
        )
    key = document.get("primaryKey", [])
    missing = [
        str(one.get("value") if isinstance(one, Mapping) else one) for one in document.get("missingValues", [""])
    ]
    return _with_roles(Metadata(name, columns, missing=tuple(missing)), [key] if isinstance(key, str) else list(key))


def _from_pandera(name: str, document: Mapping[str, Any]) -> Metadata:
    columns: dict[Name, Said] = {}
    levels = {one["name"]: one for one in document.get("index") or [] if one.get("name") is not None}
    for column, one in {**levels, **document["columns"]}.items():
        older = one.get("checks") or {}
        older = (
            {check["options"]["check_name"]: check.get("value") for check in older}
            if isinstance(older, list)
            else older
        )
        checks = {**older, **one}
        ends: dict[str, Any] = {}
        for check, (end, strict) in ENDS.items():
            if check in checks:
                value = checks[check]
                ends |= {
                    end: value["value"] if isinstance(value, Mapping) else value,
                    {"low": "above", "high": "below"}[end]: strict,
                }
        if (both := checks.get("in_range")) is not None:
            ends |= {"low": both["min_value"], "high": both["max_value"]}
            ends |= {"above": not both.get("include_min", True), "below": not both.get("include_max", True)}
        allowed = checks.get("isin")
        allowed = allowed["value"] if isinstance(allowed, Mapping) else allowed
        kind = _kind_of(str(one["dtype"]))
        columns[column] = Said(
            "category" if kind == "any" and allowed else kind,
            levels=tuple(allowed) if allowed else None,
            required=not one.get("nullable", False),
            unique=bool(one.get("unique")),
            there=one.get("required", True),
            **ends,
        )
    made = Metadata(name, columns, whole=document.get("strict") is True)
    key = document.get("unique") or []
    return _with_roles(made, [key] if isinstance(key, str) else list(key))


def _kind_of(dtype: str) -> Kind:
    """Return the kind of what pandera calls a dtype."""
    beginnings: dict[Kind, tuple[str, ...]] = {
        "number": ("int", "uint", "float", "decimal"),
        "boolean": ("bool",),
        "datetime": ("datetime", "timestamp", "date"),
        "category": ("category",),
    }
    return next((kind for kind, some in beginnings.items() if dtype.lower().startswith(some)), "any")


def _with_roles(made: Metadata, key: list[Any]) -> Metadata:
    """Return it with the roles that keys tell."""
    for name in key:
        if name not in made.columns:
            raise InputError(
                f"{made.source}: {name!r} of its key is none of its columns{nearest_name(name, made.columns)}"
            )
    made = replace(made, key=tuple(key))
    alone = {name for name, said in made.columns.items() if said.unique} | (set(key) if len(key) == 1 else set())
    times = [name for name in (key if len(key) == 2 else alone) if made.columns[name].kind == "datetime"]
    if len(key) == 2 and not times:
        times = [name for name in key if made.columns[name].kind == "number"]
    if len(key) == 2 and len(times) == 1:
        (entity,) = (name for name in key if name != times[0])
        return replace(
            made, entity=entity, time=times[0], exclude=tuple(name for name in made.columns if name in alone)
        )
    rest = tuple(name for name in made.columns if name in alone and name not in times)
    return replace(made, time=times[0] if len(times) == 1 else None, exclude=rest)


def _inner(said: Said, which: Literal["low", "high"]) -> Any:
    """Return an end that is itself allowed."""
    end = said.low if which == "low" else said.high
    strict = said.above if which == "low" else said.below
    if not strict or not isinstance(end, int | float):
        return end
    return float(np.nextafter(end, np.inf if which == "low" else -np.inf))


def _as_kind(said: Said, known: pd.Series[Any]) -> pd.Series[Any]:
    """Return known values as the kind that they are said to be, missing where they are not."""
    moving = not types.is_numeric_dtype(known.dtype) and isinstance(
        temporal(pd.Index(known)), pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex
    )
    none = pd.Series(np.nan, index=known.index)
    if said.kind == "any":
        return known
    if said.kind == "datetime":
        if types.is_numeric_dtype(known.dtype):
            return none
        return known if moving else pd.to_datetime(known, format=said.format or None, errors="coerce")
    if moving:
        return none
    if said.kind == "number":
        if types.is_numeric_dtype(known.dtype):
            return none if types.is_bool_dtype(known.dtype) else known
        real = [isinstance(value, Number) and not isinstance(value, bool) for value in known]
        return known.astype(object).where(np.array(real, dtype=bool), np.nan).astype("float64")
    if said.kind == "boolean":
        return known.where(known.isin([True, False]))
    return known


def _limit(end: Any, values: pd.Series[Any]) -> Any:
    """Return an end of a range in the kind of the values."""
    if not types.is_datetime64_any_dtype(values.dtype):
        return float(end)
    moment, zone = pd.Timestamp(end), getattr(values.dtype, "tz", None)
    return moment.tz_localize(zone) if zone is not None and moment.tz is None else moment


def _words(said: Said) -> str:
    words = {
        "any": "values",
        "number": "numbers",
        "category": "categories",
        "boolean": "True and False",
        "datetime": "moments",
    }
    return words[said.kind] + (f" written {said.format!r}" if said.format else "")
