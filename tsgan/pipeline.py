"""Draw from a scikit-learn pipeline that ends in a fitted estimator, back through its transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .errors import ParameterError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def sample(pipe: Pipeline, n: int | None = None, length: int | None = None, **options: Any) -> Any:
    """Draw synthetic sequences in the form of the table that a pipeline was fitted on.

    Parameters
    ----------
    pipe : sklearn.pipeline.Pipeline
        Fitted; its last step is a `RecurrentGAN`, its transformers have `inverse_transform`.
    n, length, **options
        As in `RecurrentGAN.sample`.

    Returns
    -------
    DataFrame or array
        What `sample` draws, taken back through each transformer, the last one first. A transformer that was fitted on
        named columns gives a DataFrame of these, with the index of what was drawn.

    Raises
    ------
    ParameterError
        If a step of the pipeline cannot be undone, or the last one cannot be drawn from.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from tsgan import RecurrentGAN, datasets, pipeline
    >>> df = datasets.load("seattle_weather").set_index("date").drop(columns="weather")
    >>> pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), RecurrentGAN(steps=0, verbose=False))
    >>> pipeline.sample(pipe.fit(df), 1, length=30).shape
    (30, 4)
    """
    steps = [(name, step) for name, step in pipe.steps if step not in (None, "passthrough")]
    if not steps or not hasattr(steps[-1][1], "sample"):
        raise ParameterError("the last step of the pipeline cannot be drawn from; let it end in a RecurrentGAN")
    for name, step in steps[:-1]:
        if not hasattr(step, "inverse_transform"):
            raise ParameterError(
                f"the step {name!r} ({type(step).__name__}) has no inverse_transform, so what is drawn cannot be taken "
                "back through it; leave it out (RecurrentGAN scales and encodes by itself)"
            )
    made = steps[-1][1].sample(n, length, **options)
    for _, step in reversed(steps[:-1]):
        index, names = getattr(made, "index", None), getattr(step, "feature_names_in_", None)
        shape = made.shape
        made = step.inverse_transform(made.reshape(-1, shape[-1]) if len(shape) > 2 else made)
        if index is not None and names is not None:
            made = pd.DataFrame(made, columns=names, index=index) if not isinstance(made, pd.DataFrame) else made
        elif len(shape) > 2:
            made = made.reshape(*shape[:-1], made.shape[-1])
    return made
