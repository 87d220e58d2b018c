"""Frames: a bouncing ball on 28 x 28 = 784 columns, black and white; a GIF of real and of synthetic frames.

A frame is one row of a table, drawn column by column: 784 small steps, for all sequences at once. Of more columns than
`units` the chain sees the columns before in blocks (here 784 / 256, about 3 columns): those of a block are drawn
independently of one another, given all blocks before. Fewer units are quicker and coarser.
"""

import time

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation, PillowWriter

from tsgan import RecurrentGAN

SIZE, RADIUS, STEPS, N = 28, 4, 16, 250


def balls(n, rng):
    """Return films `(n, STEPS, SIZE, SIZE)` of a ball that flies straight and bounces off the walls."""
    place, angle = rng.uniform(RADIUS, SIZE - 1 - RADIUS, (n, 2)), rng.uniform(0, 2 * np.pi, n)
    speed, y = 2 * np.stack([np.sin(angle), np.cos(angle)], 1), np.arange(SIZE)
    films = np.empty((n, STEPS, SIZE, SIZE), dtype=bool)
    for t in range(STEPS):
        off = [(y - place[:, [k]]) ** 2 for k in range(2)]
        films[:, t] = off[0][:, :, None] + off[1][:, None, :] <= RADIUS**2
        place += speed
        over = (place < RADIUS) | (place > SIZE - 1 - RADIUS)
        speed[over] *= -1
        place = place.clip(RADIUS, SIZE - 1 - RADIUS)
    return films


def rows(films):
    """Return films as an array `(n, steps, columns)`; frames have to be of one size."""
    for number, film in enumerate(films):
        if film.shape[1:] != films[0].shape[1:]:
            raise ValueError(
                f"film {number} has frames of {film.shape[1:]}, film 0 of {films[0].shape[1:]}; resize them"
            )
    return np.stack([film.reshape(len(film), -1) for film in films])


def judge(films):
    """Return the share of frames with one ball of the right size, and how far its centre moves in a step."""
    y, area = np.arange(SIZE), films.sum((2, 3))
    centre = np.stack([(films * y[:, None]).sum((2, 3)), (films * y).sum((2, 3))], 2) / np.maximum(area, 1)[:, :, None]
    off = (y[:, None] - centre[..., :1, None]) ** 2 + (y - centre[..., 1:, None]) ** 2
    disc = off <= RADIUS**2
    alike = (disc & films).sum((2, 3)) / np.maximum((disc | films).sum((2, 3)), 1)
    jump = np.linalg.norm(np.diff(centre, axis=1), axis=2)
    return (alike > 0.8).mean(), alike.mean(), np.median(jump)


rng = np.random.default_rng(0)
real = balls(N, rng)
kinds = {pixel: "category" for pixel in range(SIZE * SIZE)}
model = RecurrentGAN(kinds=kinds, protect=0, units=256, batch_size=32, steps=300, adversarial_steps=0, random_state=0)
model.set_params(verbose=False)
began = time.perf_counter()
model.fit(rows(real).astype(float))
fitted = time.perf_counter()
made = model.sample(40, length=STEPS).reshape(-1, STEPS, SIZE, SIZE) > 0.5
drawn = time.perf_counter()
print(f"{len(kinds)} columns: fitted in {fitted - began:.0f} s, {40 * STEPS} frames drawn in {drawn - fitted:.1f} s")
pixels = rng.random((40, STEPS, SIZE, SIZE)) < real.mean((0, 1))
films = {"real": balls(40, rng), "tsgan": made, "independent pixels": pixels}
print(f"{'':20}{'one ball':>10}{'overlap with a disc':>22}{'moves by':>10}")
for name, some in films.items():
    one, alike, jump = judge(some)
    print(f"{name:20}{one:10.0%}{alike:22.0%}{jump:10.1f}")

figure, axes = plt.subplots(2, 4, figsize=(8, 4.2))
shown = [axes[k, i].imshow(film[i, 0], cmap="gray_r") for k, film in enumerate([real, made]) for i in range(4)]
for line, name in zip(axes, ("real", "synthetic"), strict=True):
    line[0].set_title(name, loc="left", fontweight="bold")
for panel in axes.flat:
    panel.set(xticks=[], yticks=[])
figure.tight_layout()


def show(t):
    """Show a moment of each film."""
    for number, image in enumerate(shown):
        image.set_data((real, made)[number // 4][number % 4, t])


FuncAnimation(figure, show, STEPS).save("frames.gif", PillowWriter(6))
