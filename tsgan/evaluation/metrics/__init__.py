"""The metrics, one file each. To add one: write its file and add its line here."""

from .association import Association
from .atoms import Atoms
from .attribute_inference import AttributeInference
from .autocorrelation import Autocorrelation
from .base import Metric
from .closest_record import ClosestRecord
from .context_fid import ContextFID
from .copies import Copies
from .correlation import Correlation
from .coverage import Coverage
from .cross_correlation import CrossCorrelation
from .discriminative import Discriminative
from .forecast import Forecast
from .frechet import Frechet
from .gaps import Gaps
from .increments import Increments
from .lengths import Lengths
from .marginals import Marginals
from .membership import Membership
from .missing import Missing
from .nearest_ratio import NearestRatio
from .partial_autocorrelation import PartialAutocorrelation
from .predictive import Predictive
from .run_lengths import RunLengths
from .spectrum import Spectrum
from .tails import Tails
from .transitions import Transitions
from .two_sample import TwoSample
from .unseen import Unseen
from .usefulness import Usefulness
from .violations import Violations
from .volatility import Volatility

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
