"""The metrics. To add one: write its class in a file of its subject, and add its line here.

Read `base` first (a metric, its scores and how they become a grade), then one of the three ways to compare, and last
any metric: its texts, and `compute` with its formula.

- `draws`: windows of equal number are drawn from each side and described, by a curve or a matrix; distances between
  descriptions are repeated. Metrics in `dependence`, `changes` and `correlation`.
- `units` and `figures`: both tables are counted whole, and chance is told by dealing their sequences into halves.
  Metrics in `marginals`, `extremes`, `missing`, `states`, `timing` and `violations`.
- Judges that learn (`tsgan.evaluation.judges`), or search for the nearest record (`disclosing`): metrics in all other
  files.
"""

from .attacks import AttributeInference, Membership
from .base import Metric
from .changes import Increments, Volatility
from .closest_record import ClosestRecord, NearestRatio
from .copies import Copies
from .correlation import Association, Correlation, CrossCorrelation
from .coverage import Coverage
from .dependence import Autocorrelation, PartialAutocorrelation, Spectrum
from .extremes import Atoms, Tails
from .frechet import ContextFID, Frechet
from .marginals import Marginals, Unseen
from .missing import Missing
from .papers import Discriminative, Predictive
from .singling_out import SingledOut
from .states import RunLengths, Transitions
from .timing import Gaps, Lengths
from .two_sample import TwoSample
from .usefulness import Forecast, Usefulness
from .violations import Violations

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        TwoSample(),
        Discriminative(),
        Frechet(),
        ContextFID(),
        Coverage(),
        Predictive(),
        Forecast(),
        Usefulness(),
        Marginals(),
        Tails(),
        Atoms(),
        Unseen(),
        Missing(),
        Autocorrelation(),
        PartialAutocorrelation(),
        Spectrum(),
        Increments(),
        Volatility(),
        Transitions(),
        RunLengths(),
        Gaps(),
        Lengths(),
        Correlation(),
        CrossCorrelation(),
        Association(),
        Violations(),
        Copies(),
        ClosestRecord(),
        NearestRatio(),
        SingledOut(),
        Membership(),
        AttributeInference(),
    )
}
