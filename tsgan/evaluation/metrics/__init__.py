"""The metrics, one file each. To add one: write its file and add its line here."""

from .autocorrelation import Autocorrelation
from .base import Metric
from .cross_correlation import CrossCorrelation
from .discriminative import Discriminative
from .marginals import Marginals
from .predictive import Predictive
from .two_sample import TwoSample

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (TwoSample(), Discriminative(), Predictive(), Marginals(), Autocorrelation(), CrossCorrelation())
}
