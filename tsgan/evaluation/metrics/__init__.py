"""The metrics, one file each. To add one: write its file and add its line here."""

from .association import Association
from .autocorrelation import Autocorrelation
from .base import Metric
from .correlation import Correlation
from .cross_correlation import CrossCorrelation
from .discriminative import Discriminative
from .increments import Increments
from .marginals import Marginals
from .partial_autocorrelation import PartialAutocorrelation
from .predictive import Predictive
from .spectrum import Spectrum
from .two_sample import TwoSample
from .volatility import Volatility

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        TwoSample(),
        Discriminative(),
        Predictive(),
        Marginals(),
        Autocorrelation(),
        PartialAutocorrelation(),
        Spectrum(),
        Increments(),
        Volatility(),
        Correlation(),
        CrossCorrelation(),
        Association(),
    )
}
