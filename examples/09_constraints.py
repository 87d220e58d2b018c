"""Rules between columns: they hold in every synthetic row, by construction."""

from tsgan import Derived, Inequality, Range, RecurrentGAN, datasets, suggest_constraints
from tsgan.constraints import violations
from tsgan.errors import ConstraintError

real = datasets.load("seattle_weather")
real["temp_mean"] = ((real["temp_min"] + real["temp_max"]) / 2).round(2)
real["swing"] = (real["temp_max"] - real["temp_min"]).round(1)

print("what holds exactly in the data:")
print(suggest_constraints(real, time="date"), "\n")

rules = [
    Inequality("temp_min", "temp_mean", "temp_max"),
    Derived("swing", "round(temp_max - temp_min, 1)"),
    Range("precipitation", low=0),
]
model = RecurrentGAN(steps=0, time="date", constraints=rules, random_state=0).fit(real)
synthetic = model.sample(20, length=365)
print(synthetic.head(), "\n")
print("rows that break a rule:", violations(rules, synthetic.reset_index("sequence"), entity="sequence", time="date"))
assert sum(violations(rules, synthetic.reset_index("sequence"), entity="sequence", time="date").values()) == 0

try:  # a rule that the real table breaks is refused, with the first rows that break it
    RecurrentGAN(steps=0, time="date", constraints=[Inequality("wind", "temp_min")]).fit(real)
except ConstraintError as error:
    print("refused:", error)
