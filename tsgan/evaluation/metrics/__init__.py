"""The metrics, one file each. To add one: write its file and add its line here."""

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
        Membership(),
        AttributeInference(),
    )
}
