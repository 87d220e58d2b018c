"""Mixed columns: zeros, grids of values, heavy tails, identifiers."""

from tsgan import RecurrentGAN, datasets
from tsgan.errors import SchemaError

real = datasets.load("seattle_weather")
real["hits"] = (real["wind"] * 37 // 10 * 10).astype("int64")  # only multiples of 10
real["station"] = [f"note {i} of the day" for i in range(len(real))]  # free text: nothing to learn

try:
    RecurrentGAN(steps=0, time="date").fit(real)
except SchemaError as error:
    print("refused:", error, "\n")

model = RecurrentGAN(steps=0, time="date", exclude=["station"], random_state=0).fit(real)
print(model.schema_)  # kinds, grids, atoms, and which scaler was chosen and why
synthetic = model.sample(20, length=365)
for name, table in (("real", real), ("synthetic", synthetic)):
    dry, top = (table["precipitation"] == 0).mean(), table["precipitation"].quantile(0.999)
    print(f"{name}: dry days {dry:.3f}, rain on the wettest in a thousand {top:.0f} mm")

assert (synthetic["hits"] % 10 == 0).all()
assert abs((synthetic["precipitation"] == 0).mean() - (real["precipitation"] == 0).mean()) < 0.03
known = set(real["temp_min"])  # Celsius made of whole degrees Fahrenheit: few of all tenths exist
print("values of temp_min that are not in the data:", f"{(~synthetic['temp_min'].isin(known)).mean():.4f}")
