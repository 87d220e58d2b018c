"""tsgan learns time series from a pandas DataFrame and gives back synthetic tables."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__

_HOMES = {
    "RecurrentGAN": "estimator.recurrent_gan",
    "evaluate": "evaluation.evaluate",
    "Report": "evaluation.report.report",
    "compare": "evaluation.evaluate",
    "Comparison": "evaluation.report.report",
    "train_holdout_split": "evaluation.splits",
    "fan_chart": "evaluation.report.fan",
    "Inequality": "constraints.inequality",
    "FixedSum": "constraints.fixed_sum",
    "Monotone": "constraints.monotone",
    "Fixed": "constraints.fixed",
    "Derived": "constraints.derived",
    "Range": "constraints.ranges",
    "suggest_constraints": "constraints.suggesting",
    "tune": "tuning",
    "fit_each": "scale.local",
    "Models": "scale.models",
    "constraints": "constraints",
    "datasets": "datasets",
    "errors": "errors",
    "formats": "formats",
    "pipeline": "pipeline",
    "scale": "scale",
}
__all__ = [
    "Comparison",
    "Derived",
    "Fixed",
    "FixedSum",
    "Inequality",
    "Models",
    "Monotone",
    "Range",
    "RecurrentGAN",
    "Report",
    "__version__",
    "compare",
    "constraints",
    "datasets",
    "errors",
    "evaluate",
    "fan_chart",
    "fit_each",
    "formats",
    "pipeline",
    "scale",
    "suggest_constraints",
    "train_holdout_split",
    "tune",
]

if TYPE_CHECKING:
    from . import constraints, datasets, errors, formats, pipeline, scale
    from .constraints.derived import Derived
    from .constraints.fixed import Fixed
    from .constraints.fixed_sum import FixedSum
    from .constraints.inequality import Inequality
    from .constraints.monotone import Monotone
    from .constraints.ranges import Range
    from .constraints.suggesting import suggest_constraints
    from .estimator.recurrent_gan import RecurrentGAN
    from .evaluation.evaluate import compare, evaluate
    from .evaluation.report.fan import fan_chart
    from .evaluation.report.report import Comparison, Report
    from .evaluation.splits import train_holdout_split
    from .scale.local import fit_each
    from .scale.models import Models
    from .tuning import tune


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import tsgan` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_HOMES[name]}", __name__)
    value = (
        module
        if name in ("constraints", "datasets", "errors", "formats", "pipeline", "scale")
        else getattr(module, name)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
