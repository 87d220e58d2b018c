"""`tsgan fit`, of one model or of one for each group, and `tsgan tune`."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .flags import add_flags, advanced, given, split_names
from .inputs import DATA, add_dialect, say, table_of

# what says how the second stage goes: no trial of `tune` has one
SECOND_STAGE = (
    *("loss", "adversarial", "critic_steps", "penalty", "penalty_every", "exact_penalty"),
    *("generator_rate", "critic_rate"),
)


def _add_estimator(parser: argparse.ArgumentParser, left_out: Sequence[str]) -> list[str]:
    """Give a command the flags of RecurrentGAN; return the arguments' names."""
    from ..estimator.recurrent_gan import RecurrentGAN

    group = parser.add_argument_group("arguments of RecurrentGAN")
    group.add_argument(
        "--constraints",
        nargs="+",
        action="extend",
        metavar="RULE",
        default=argparse.SUPPRESS,
        help="what every row keeps to: 'low <= high', '0 <= x', 'total = a + b', 'x := a * b', 'whole: x', "
        "'monotone: meter', 'fixed: city, country'; or suggest, for what holds exactly in the table (default: none)",
    )
    parser.add_argument(
        "--metadata",
        metavar="FILE",
        help="SDV's metadata, a Frictionless table schema or a pandera schema, as JSON: roles, kinds and ranges, and "
        "the table must fit; flags given here win (default: none)",
    )
    few, left_out = advanced(RecurrentGAN), (*left_out, "constraints", "metadata")
    names = add_flags(group, RecurrentGAN, skip=(*few, *left_out))
    rest = parser.add_argument_group("advanced arguments of RecurrentGAN")
    names += add_flags(rest, RecurrentGAN, skip=(*names, *left_out))
    return [*names, "constraints"]


def _estimator_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of RecurrentGAN that the user gave."""
    from .values import calendar_of, rules_of

    arguments = given(args, args.names)
    if "constraints" in arguments:
        arguments["constraints"] = rules_of(arguments["constraints"])
    if "calendar" in arguments:
        arguments["calendar"] = calendar_of(arguments["calendar"])
    return arguments


def _with_metadata(args: argparse.Namespace, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments, and those of --metadata that were not given, and say which were."""
    if args.metadata is None:
        return arguments
    from ..metadata import read

    told = read(args.metadata).arguments(arguments)
    if over := [f"{name}={told[name]!r}" for name in told if name in arguments]:
        say(args, f"{args.metadata}: {', '.join(over)} left out, flags win")
    if left := [name for name in told.get("exclude", ()) if "exclude" not in arguments]:
        say(args, f"{args.metadata}: {', '.join(map(str, left))} left out of the model: identifiers, or personal")
    return {**told, **arguments}


# fit


def build_fit(parser: argparse.ArgumentParser) -> None:
    """Give `fit` its flags."""
    parser.add_argument("data", metavar="DATA", help=f"the table to learn: {DATA}; or a folder of parquet files")
    parser.add_argument("-o", "--output", metavar="MODEL", required=True, help="folder to save the model in")
    names = _add_estimator(parser, ("verbose", "callbacks"))
    groups = parser.add_argument_group("one model for each group of the table, in one folder")
    groups.add_argument(
        "--by", metavar="NAME[,NAME]", action="extend", type=split_names, help="columns that tell groups apart"
    )
    groups.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="fits side by side, -1: all cores (default: 1)"
    )
    groups.add_argument(
        "--few",
        choices=("refuse", "skip"),
        default="refuse",
        help="what becomes of groups with too few rows (default: refuse)",
    )
    parser.add_argument(
        "--params",
        metavar="FILE",
        help="arguments by name as a JSON object, such as tune writes; flags given here win (default: none)",
    )
    parser.add_argument(
        "--log",
        choices=["bar", "json"],
        default="bar",
        help="how to tell of training: a bar, or for machines a line of JSON for each measurement on standard output, "
        "and one of the outcome (default: bar)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the fit under way that --checkpoint holds, if it holds one (default: that is refused)",
    )
    add_dialect(parser)
    parser.set_defaults(run=_fit, names=names)


def _fit(args: argparse.Namespace) -> None:
    from .. import bundle
    from ..estimator.recurrent_gan import RecurrentGAN
    from .log import JsonLog
    from .values import check_resume, params_of

    if args.by:
        _check_alone(args)
    else:
        bundle.check(args.output)
    arguments = _estimator_arguments(args)
    if args.params is not None:
        params = params_of(args.params)
        if over := [f"{name}={value!r}" for name, value in params.items() if name in arguments]:
            say(args, f"{args.params}: {', '.join(over)} left out, flags win")
        arguments = {**params, **arguments}
    arguments = _with_metadata(args, arguments)
    if args.by:
        _fit_each(args, arguments)
        return
    log = JsonLog() if args.log == "json" else None
    if log is not None:
        arguments["callbacks"] = [log]
    model = RecurrentGAN(**arguments, verbose=log is None and not args.quiet)
    with log.ending(model, args.output, args.stopped) if log is not None else contextlib.nullcontext():
        check_resume(args.resume, arguments.get("checkpoint"), args.output)
        model.fit(_learned_table(args, arguments)).save(args.output)
    say(args, f"saved the model in {args.output}")


def _check_alone(args: argparse.Namespace) -> None:
    """Refuse with --by what is for one model.

    Raises
    ------
    ParameterError
        Naming the flag.
    """
    from ..errors import ParameterError

    alone = {"resume": args.resume, "log json": args.log == "json", "metadata": args.metadata is not None}
    if asked := [flag for flag, given_too in alone.items() if given_too]:
        raise ParameterError(f"--{asked[0]} is for one model; leave it out with --by")


def _fit_each(args: argparse.Namespace, arguments: dict[str, Any]) -> None:
    from ..errors import InputError
    from ..scale.groups import begin
    from ..scale.local import fit_each

    if args.data != "-" and Path(args.data).is_dir():
        raise InputError(f"{args.data}: groups are told apart in one table in memory; pass one file with --by")
    begin(args.output)
    table = table_of(args, args.data, arguments.get("time"))
    done: list[str] = []

    def told(group: Any) -> None:
        done.append(group.name)
        say(args, f"{len(done)} done: {group.name}{' (failed)' if group.wrong else ''}")

    models = fit_each(table, args.by, args.output, n_jobs=args.jobs, few=args.few, told=told, **arguments)
    say(args, f"saved the models of {len(models)} groups in {args.output}")


def _learned_table(args: argparse.Namespace, arguments: dict[str, Any]) -> Any:
    """Return the table to learn, or the folder that it lies in."""
    in_parts = args.data != "-" and Path(args.data).is_dir()
    return Path(args.data) if in_parts else table_of(args, args.data, arguments.get("time"))


# tune


def build_tune(parser: argparse.ArgumentParser) -> None:
    """Give `tune` its flags."""
    from ..tuning import OURS, tune

    parser.add_argument("data", metavar="DATA", help=f"the table to learn: {DATA}; or a folder of parquet files")
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="JSON of the best arguments to write, for fit --params"
    )
    parser.add_argument("--plot", metavar="PICTURE", help="draw the trials: .png, .svg or .pdf (needs matplotlib)")
    group = parser.add_argument_group("arguments of the search")
    search = add_flags(group, tune, skip=("X", "verbose"))
    names = _add_estimator(parser, (*OURS, *SECOND_STAGE, *search))
    add_dialect(parser)
    parser.set_defaults(run=_tune, names=names, search=search)


def _tune(args: argparse.Namespace) -> None:
    from ..tuning import tune
    from .values import check_file, check_picture

    check_file(args.output)
    check_picture("--plot", args.plot)
    arguments = _with_metadata(args, _estimator_arguments(args))
    table = _learned_table(args, arguments)
    found = tune(table, **given(args, args.search), verbose=not args.quiet, **arguments)
    found.to_json(args.output)
    print(found)
    say(args, f"wrote {args.output}")
    if args.plot is not None:
        found.plot(args.plot)
        say(args, f"wrote {args.plot}")
