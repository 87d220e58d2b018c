"""A panel as the table that it stands for, as if its cells were all known."""

import numpy as np


def decoded(encoder, panel, start=None, squeeze=False, rng=None):
    """Return a panel as rows of the kind that was fitted, clocks starting as `Stages.starts` says."""
    rng = np.random.default_rng(0) if rng is None else rng
    starts = encoder.stages.starts(panel.statics, panel.lengths, start, rng)
    return encoder.assemble([encoder.decode(panel, starts, rng)], squeeze=squeeze)
