"""Tuning: sizes, dropout and learning rate by held-back likelihood; by command, tsgan tune DATA -o best.json.

Three short trials show the way; twenty of 300 steps take ten minutes on this table.
"""

import importlib.util

from tsgan import RecurrentGAN, datasets, tune

if importlib.util.find_spec("optuna") is None:
    print("left out: it needs optuna; install it with: pip install 'tsgan[tune]'")
    raise SystemExit

real = datasets.load("seattle_weather")
best = tune(real, time="date", trials=3, steps=50, max_time=30, random_state=0)
print(best)  # trial 0 is the defaults
print("RecurrentGAN(", ", ".join(f"{name}={value!r}" for name, value in best.params.items()), ")", sep="")

gan = RecurrentGAN(time="date", steps=50, adversarial_steps=0, random_state=0, **best.params).fit(real)
print(gan.sample(1, length=5, random_state=0))
values = best.trials.set_index("trial")["held_back"]
assert values.iloc[0] == values.max() >= values[0]
