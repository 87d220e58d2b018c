"""The command line: `tsgan fit`, `tune`, `sample`, `evaluate`, `suggest`, `info`, `card` and `demo`.

The flags of `fit` and `evaluate` are read from the signature and the docstring of `RecurrentGAN` and `evaluate`, so
that they are always the same. Exit codes: 0 done, 1 an error in the input (one line on standard error), 2 wrong usage,
3 a score is worse than `--fail-under` allows (one line each on standard error, after all that was asked for has been
written), 130 interrupted (Ctrl-C), 141 the reader of a pipe went away, 143 terminated (SIGTERM). What `fit` has learned
until it is stopped is saved. Only this room prints.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..version import __version__
from .flags import add_flags, given, split_names
from .inputs import DATA, add_dialect, say, table_of
from .learning import build_fit, build_tune

COMMANDS = {
    "fit": "learn a table and save the model",
    "tune": "choose sizes, dropout and learning rate by the likelihood of held-back rows",
    "sample": "draw synthetic sequences from a saved model",
    "evaluate": "judge synthetic tables against the real one",
    "suggest": "show which constraints hold exactly in a table",
    "info": "show what a saved model knows",
    "card": "write scores into the card of a saved model, its README.md",
    "demo": "fit, sample and judge a real table that tsgan ships",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (wrong usage leaves by `SystemExit`, as argparse does).

    Parameters
    ----------
    argv : sequence of str or None
        The arguments; None takes those of the process.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    stopped: list[int] = []
    try:
        with _interrupts(stopped):  # the parser, too: flags are read from signatures, which takes imports
            args = _parser(words).parse_args(words)
            args.stopped = stopped
            with _plain_warnings():
                code = args.run(args) or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"tsgan: {'terminated' if signal.SIGTERM in stopped else 'interrupted'}", file=sys.stderr)
        return 128 + (stopped or [signal.SIGINT])[0]
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing it does not fail once more
        return 141
    except Exception as error:
        from ..errors import TsganError  # here: --help loads no library

        if not isinstance(error, TsganError | OSError | ImportError):
            raise
        print(f"tsgan: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 128 + stopped[0] if stopped else int(code)


@contextlib.contextmanager
def _interrupts(stopped: list[int]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM interrupt alike, and keep their numbers: what handles them may go on to save."""

    def interrupt(number: int, frame: object) -> None:
        stopped.append(number)
        raise KeyboardInterrupt

    usual = {}
    if threading.current_thread() is threading.main_thread():
        heard = (number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN)
        usual = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show tsgan's own warnings as one line on standard error, without a place in the code."""
    from ..errors import TsganWarning

    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, TsganWarning):
                print(f"tsgan: warning: {' '.join(str(message).split())}", file=sys.stderr)
            else:
                usual(message, category, *place, **more)

        warnings.showwarning = show
        warnings.simplefilter("always", TsganWarning)
        yield


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser; only the command that was named gets its flags, so that the others cost no imports."""
    parser = argparse.ArgumentParser(
        "tsgan", description="Learn time series from a table and give back synthetic ones."
    )
    parser.add_argument("--version", action="version", version=f"tsgan {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    named = next((word for word in words if word in COMMANDS), None)
    for command, text in COMMANDS.items():
        sub = commands.add_parser(command, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
        if command == named:
            _BUILD[command](sub)
            sub.add_argument("-q", "--quiet", action="store_true", help="no progress bar and no messages")
    return parser


# sample


def _build_sample(parser: argparse.ArgumentParser) -> None:
    from .values import PIECE, as_condition, as_count, as_moment

    parser.add_argument("model", metavar="MODEL", help="folder of a saved model, or of one for each group")
    parser.add_argument(
        "-n",
        type=int,
        metavar="N",
        help="number of sequences (default: 1, or the rows of --static; of groups, as many as were fitted)",
    )
    parser.add_argument("--length", type=int, metavar="L", help="steps of each (default: as learned)")
    parser.add_argument("--start", type=as_moment, metavar="S", help="first moment or step (default: as learned)")
    parser.add_argument(
        "--where",
        metavar="COLUMN=VALUE",
        action="append",
        default=[],
        type=as_condition,
        help="a value that a static column, or a category on every row, must have, or that names a group; may be "
        "repeated",
    )
    parser.add_argument("--static", metavar="FILE", help="table of static values: one sequence for each of its rows")
    parser.add_argument("--seed", type=int, metavar="INT", help="the same seed gives the same table (default: none)")
    parser.add_argument(
        "--device",
        metavar="DEVICE",
        help="where to compute: cpu, cuda, auto (default: as fitted)",
    )
    parser.add_argument(
        "--chunk",
        type=as_count,
        metavar="ROWS",
        help=f"rows held in memory at once, about (default: {PIECE:_}, fewer in wide tables)",
    )
    parser.add_argument("-o", "--output", metavar="OUT", default="-", help=f"table to write (default: -): {DATA}")
    parser.add_argument(
        "--csv-safe",
        action="store_true",
        help="write ' before text that a spreadsheet would run as a formula: it begins with = + - @ (default: as is)",
    )
    parser.set_defaults(run=_sample)


def _sample(args: argparse.Namespace) -> None:
    from ..tables import files as tables
    from ..tables.flat import as_frame
    from .values import check_file, sequences_of

    check_file(args.output)
    model, usual, where = _drawn_from(args)
    conditions: dict[str, Any] = {"where": where} if where else {}
    if args.static:
        conditions["static"] = tables.read(args.static)
    n = args.n if args.n is not None else len(conditions["static"]) if args.static else usual
    chunk = sequences_of(model, n, args.length, args.chunk, args.output)
    pieces = model.sample_iter(n, chunk, args.length, start=args.start, random_state=args.seed, **conditions)
    sequences, shown = 0, time.monotonic()
    with tables.Writer(args.output, safe=args.csv_safe) as out:
        for piece in pieces:
            frame, sequences = as_frame(piece, sequences, single=n == 1, format=getattr(model, "format_", None))
            out.write(frame)
            del piece, frame  # before the next one is made
            now = time.monotonic()
            if now - shown > (1 if sys.stderr.isatty() else 60):
                share = f" ({100 * out.rows / (n * args.length):.0f} %)" if args.length else ""
                say(args, f"{out.rows:,} rows{share}", end="\r" if sys.stderr.isatty() else "\n")
                shown = now
    say(args, f"wrote {out.rows} rows to {'standard output' if args.output == '-' else args.output}")


def _drawn_from(args: argparse.Namespace) -> tuple[Any, int, dict[str, Any]]:
    """Return the model, or those of the groups that are asked for, the usual number of sequences, other conditions."""
    from .. import bundle
    from ..errors import ParameterError
    from ..estimator.recurrent_gan import RecurrentGAN
    from .values import groups_of, where_of

    if not (Path(args.model) / bundle.INDEX).is_file():
        model = RecurrentGAN.load(args.model, device=args.device)
        return model, 1, where_of(args.where, model.schema_) if args.where else {}
    from ..scale.models import Models

    if args.static:
        raise ParameterError(f"--static: {args.model} holds one model for each group; draw from the folder of one")
    models = Models.load(args.model, device=args.device)
    chosen, rest = groups_of(models, args.where)
    models = models.pick(chosen)[0]
    where = where_of(rest, models[next(iter(models))].schema_) if rest else {}
    return models, int(models.groups["sequences"].sum()), where


# evaluate


def _build_evaluate(parser: argparse.ArgumentParser) -> None:
    from ..evaluation.evaluate import evaluate
    from ..evaluation.report.thresholds import EXAMPLES

    parser.add_argument("real", metavar="REAL", help=f"the real table: {DATA}; or a folder of parquet files")
    parser.add_argument(
        "synthetic", metavar="SYNTHETIC", nargs="+", help="the synthetic table; several are judged side by side"
    )
    parser.add_argument("--holdout", metavar="FILE", help="real data that the generator has not seen")
    parser.add_argument("--report", metavar="HTML", help="write a report to look at, as one HTML file")
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", help="write the scores as JSON (alone: print them)"
    )
    parser.add_argument(
        "--fail-under",
        metavar="METRIC=WORST",
        action="append",
        default=[],
        type=_threshold,
        help=f"exit with 3 where a score is worse than this; may be repeated: {EXAMPLES}".replace("%", "%%"),
    )
    group = parser.add_argument_group("arguments of evaluate")
    skip = ("real", "synthetic", "holdout", "verbose")
    add_dialect(parser)
    parser.set_defaults(run=_evaluate, names=add_flags(group, evaluate, skip=skip))


def _threshold(text: str) -> Any:
    from ..errors import ParameterError
    from ..evaluation.report.thresholds import Threshold

    try:
        return Threshold.read(text)
    except ParameterError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _evaluate(args: argparse.Namespace) -> int:
    from ..evaluation.evaluate import compare, evaluate
    from .values import check_file

    for path in (args.report, args.json):
        check_file(path)
    arguments = given(args, args.names)
    asked = [threshold.metric for threshold in args.fail_under]
    if asked:
        arguments["metrics"] = [*arguments.get("metrics", ["default"]), *asked]
    arguments["verbose"] = False if args.quiet else None  # the bar is for terminals
    named = _by_name(args.synthetic)
    real = _judged(args, args.real, arguments)
    others = [_judged(args, path, arguments, real) for path in named.values()]
    if args.holdout:
        arguments["holdout"] = _judged(args, args.holdout, arguments, real)
    judged: Any
    if len(others) == 1:
        judged = evaluate(real, others[0], **arguments)
        reports = {"": judged}
    else:
        judged = compare(real, dict(zip(named, others, strict=True)), **arguments)
        reports = judged.reports
    if args.report:
        judged.to_html(args.report)
        say(args, f"wrote {args.report}")
    if args.json == "-":
        print(judged.to_json())
    else:
        if args.json:
            judged.to_json(args.json)
        print(judged)
    failures = [
        f"{name}: {reason}" if name else reason
        for name, report in reports.items()
        for threshold in args.fail_under
        if (reason := threshold.failure(report.results)) is not None
    ]
    for line in failures:
        print(f"tsgan: failed: {line}", file=sys.stderr)
    return 3 if failures else 0


def _judged(args: argparse.Namespace, path: str, arguments: dict[str, Any], like: Any = None) -> Any:
    """Return a table; or where it is, if it is drawn from: a folder, or with --rows any parquet file."""
    place = Path(path)
    if path != "-" and (place.is_dir() or ("rows" in arguments and place.suffix.lower() == ".parquet")):
        return place
    return table_of(args, path, arguments.get("time"), None if isinstance(like, Path) else like)


def _by_name(paths: Sequence[str]) -> dict[str, str]:
    """Return paths by short names: the files' names without their ending, or the whole path where two share one."""
    from ..errors import ParameterError

    if len(set(paths)) < len(paths):
        raise ParameterError(f"a synthetic table is named twice: {' '.join(paths)}")
    stems = [Path(path).name.split(".")[0] or path for path in paths]
    return {path if stems.count(stem) > 1 else stem: path for stem, path in zip(stems, paths, strict=True)}


# suggest


def _build_suggest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help=f"the table: {DATA}")
    parser.add_argument("--entity", metavar="ENTITY", help="column that tells sequences apart (default: none)")
    parser.add_argument("--time", metavar="TIME", help="column that orders the steps (default: none)")
    parser.add_argument(
        "--static",
        metavar="NAME[,NAME]",
        action="extend",
        type=split_names,
        default=[],
        help="columns of one value each",
    )
    add_dialect(parser)
    parser.set_defaults(run=_suggest)


def _suggest(args: argparse.Namespace) -> None:
    from ..constraints.suggesting import suggest_constraints

    print(suggest_constraints(table_of(args, args.data, args.time), args.entity, args.time, args.static))


# info


def _build_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="folder of a saved model")
    parser.set_defaults(run=_info)


def _info(args: argparse.Namespace) -> None:
    from .. import bundle
    from ..estimator.card import changed, training_told
    from ..estimator.recurrent_gan import RecurrentGAN

    if (Path(args.model) / bundle.INDEX).is_file():
        from ..scale.models import Models

        models = Models.load(args.model)
        print(f"{args.model}: {models!r}\n\n{models.groups.to_string(index=False)}")
        return
    model, document = RecurrentGAN.load(args.model), bundle.read(args.model, check=False)[0]
    print(f"{args.model}: a {type(model).__name__}, saved by tsgan {document.get('tsgan')}")
    told = ", ".join(f"{name}={value!r}" for name, value in changed(model).items())
    print("arguments that differ from the defaults:", told or "none")
    print("\n".join(training_told(model)))
    print(f"\n{model.schema_}")


# card


def _build_card(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="folder of a saved model")
    parser.add_argument(
        "--report", metavar="JSON", required=True, help="scores of a table that it drew, as evaluate --json writes them"
    )
    parser.set_defaults(run=_card)


def _card(args: argparse.Namespace) -> None:
    from ..errors import InputError, ModelFileError
    from ..estimator.card import NAME, card, write_card
    from ..estimator.recurrent_gan import RecurrentGAN

    try:
        report = json.loads(Path(args.report).read_text(encoding="utf-8"))
        if not isinstance(report, dict):
            raise ValueError("no JSON object")
    except ValueError as error:
        raise InputError(f"--report {args.report} is no report ({error}); tsgan evaluate --json writes one") from None
    home = Path(args.model)
    if not write_card(home, card(RecurrentGAN.load(home), home, report)):
        raise ModelFileError(f"{home / NAME} is no card of tsgan's and is left as it is; move it away to get one")
    say(args, f"wrote {home / NAME}")


# demo


def _build_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FOLDER", default="out", help="where to write (default: out)")
    parser.add_argument("--max-time", type=float, default=120.0, metavar="SECONDS", help="training time (default: 120)")
    parser.add_argument("--seed", type=int, default=0, metavar="INT", help="seed of it all (default: 0)")
    parser.set_defaults(run=_demo)


def _demo(args: argparse.Namespace) -> None:
    from .. import bundle, datasets
    from ..estimator.recurrent_gan import RecurrentGAN
    from ..evaluation.evaluate import evaluate
    from ..tables import files as tables
    from .values import check_file

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    bundle.check(out / "model")
    for name in ("synthetic.csv", "report.html"):
        check_file(str(out / name))
    real = datasets.load("seattle_weather")
    say(args, f"seattle_weather: {len(real)} days of {', '.join(real.columns[1:])}; training takes {args.max_time:g} s")
    model = RecurrentGAN(time="date", max_time=args.max_time, random_state=args.seed, verbose=not args.quiet).fit(real)
    model.save(out / "model")
    synthetic = model.sample(1, length=len(real), random_state=args.seed)
    tables.write(synthetic, out / "synthetic.csv")
    say(args, "judging")
    windows = model.sample(len(real), random_state=args.seed)  # as many as the real table has, drawn apart
    report = evaluate(real, windows, time="date", random_state=args.seed)
    report.to_html(out / "report.html")
    model.save(out / "model", report=report)
    print(report)
    print("\n" + "\n".join(f"{out}/{name}" for name in ("synthetic.csv", "model/", "report.html")))


_BUILD: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "fit": build_fit,
    "tune": build_tune,
    "sample": _build_sample,
    "evaluate": _build_evaluate,
    "suggest": _build_suggest,
    "info": _build_info,
    "card": _build_card,
    "demo": _build_demo,
}
