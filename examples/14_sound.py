"""Sound: short tones at 8 kHz as sequences of mu-law levels, learned by class, written as wav; spectra, a baseline."""

import matplotlib
import numpy as np
from scipy.io import wavfile
from scipy.signal import lfilter, welch

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from tsgan import RecurrentGAN

RATE, STEPS, LEVELS = 8000, 240, 64  # samples a second, samples of a sound (30 ms), levels
TONES = {"low": (250, 350), "high": (800, 1100)}  # hertz


def tones(n, name, rng):
    """Return `n` plucked tones of a class, `(n, STEPS)` in -1 to 1: two harmonics that fade, and a little noise."""
    t = np.arange(STEPS) / RATE
    pitch, phase, fade = rng.uniform(*np.transpose([TONES[name], (0, 6.28), (20, 60)]), (n, 3)).T[..., None]
    x = np.sin(2 * np.pi * pitch * t + phase) + 0.4 * np.sin(4 * np.pi * pitch * t + 2 * phase)
    return 0.6 * np.exp(-fade * t) * x + 0.02 * rng.standard_normal((n, STEPS))


def encode(x):
    """Return mu-law levels (ITU-T G.711, https://www.itu.int/rec/T-REC-G.711): fine where it is quiet."""
    return np.round((np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256) + 1) / 2 * (LEVELS - 1)).astype(int)


def decode(level):
    """Return samples of mu-law levels."""
    y = 2 * level / (LEVELS - 1) - 1
    return np.sign(y) * np.expm1(np.abs(y) * np.log(256)) / 255


def table(sounds):
    """Return one long table of sounds by class, `(rate, samples)` each as `scipy.io.wavfile.read` gives them."""
    rows = []
    for name, many in sounds.items():
        for number, (rate, x) in enumerate(many):
            if rate != RATE:
                raise ValueError(
                    f"sound {number} of {name!r} has {rate} samples a second, not {RATE}; resample it first"
                )
            rows += [(f"{name} {number}", t, name, level) for t, level in enumerate(encode(x))]
    return pd.DataFrame(rows, columns=["sound", "step", "tone", "level"])


def spectra(x):
    """Return the spectrum of each sound, in decibel."""
    return 10 * np.log10(welch(x, RATE, nperseg=STEPS // 2, axis=1)[1] + 1e-9)


def distance(x, real):
    """Return how far sounds are from the real one that is nearest each, by the log-spectral distance in decibel."""
    gaps = spectra(x)[:, None] - spectra(real)
    return np.sqrt(np.mean(gaps**2, 2)).min(1).mean()


def in_tune(x, name):
    """Return the share of sounds whose strongest frequency is one of the class."""
    peak = np.fft.rfftfreq(8 * STEPS, 1 / RATE)[np.abs(np.fft.rfft(x, 8 * STEPS, axis=1)).argmax(1)]
    return np.mean((TONES[name][0] - 20 <= peak) & (peak <= TONES[name][1] + 20))


def noise(x, rng, order=16):
    """Return as many sounds of the autoregression that fits a class best: noise of its colour."""
    past = np.stack([x[:, order - k : -k] for k in range(1, order + 1)], 2).reshape(-1, order)
    weights, rest, *_ = np.linalg.lstsq(past, x[:, order:].ravel(), rcond=None)
    shocks = np.sqrt(rest[0] / len(past)) * rng.standard_normal((len(x), 4 * STEPS))
    return lfilter([1], [1, *-weights], shocks, axis=1)[:, -STEPS:]


rng = np.random.default_rng(0)
real, other = ({name: tones(150, name, rng) for name in TONES} for _ in range(2))
roles = {"entity": "sound", "time": "step", "static": ["tone"], "kinds": {"level": "category"}}
model = RecurrentGAN(**roles, protect=0, steps=400, adversarial_steps=0, random_state=0, verbose=False)
model.fit(table({name: [(RATE, one) for one in x] for name, x in real.items()}))

figure, axes = plt.subplots(2, 2, figsize=(10, 5))
print(f"{'':12}{'nearest real sound (dB)':>28}{'in tune':>20}\n{'':12}{'low':>18}{'high':>10}{'low':>12}{'high':>8}")
rows = {"real": {}, "tsgan": {}, "noise": {}}
for (name, x), (left, right) in zip(real.items(), axes, strict=True):
    drawn = model.sample(150, where={"tone": name})
    rows["real"][name], rows["noise"][name] = decode(encode(x)), noise(x, rng)
    rows["tsgan"][name] = decode(drawn["level"].to_numpy().reshape(-1, STEPS))
    for kind, color in zip(rows, ("#444444", "#c8553d", "#9bc1bc"), strict=True):
        made = rows[kind][name]
        left.plot(np.linspace(0, RATE / 2, STEPS // 4 + 1), spectra(made).mean(0), label=kind, color=color)
        right.plot(1000 * np.arange(STEPS) / RATE, made[0] - 1.6 * list(rows).index(kind), color=color)
        sound = np.pad(made[:20], ((0, 0), (0, RATE // 10))).ravel()  # a tenth of a second of silence between them
        wavfile.write(f"{name}_{kind}.wav", RATE, (32767 * sound.clip(-1, 1)).astype("int16"))
    left.set(title=f"{name}: mean spectrum (dB)", xlabel="frequency (Hz)")
    right.set(title=f"{name}: one sound of each", xlabel="time (ms)", yticks=[])
for kind, sounds in rows.items():
    off = [distance(sounds[name], decode(encode(other[name]))) for name in TONES]
    tuned = [in_tune(sounds[name], name) for name in TONES]
    print(f"{kind:12}{off[0]:18.1f}{off[1]:10.1f}{tuned[0]:12.0%}{tuned[1]:8.0%}")
axes[0, 0].legend(frameon=False)
figure.tight_layout()
figure.savefig("sound.png", dpi=100)
