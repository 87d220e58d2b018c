"""Mode collapse: a plain recurrent GAN on sequences of three levels, and what each remedy brings, one by one.

Generator and critic are LSTMs; cells and losses are tsgan's, the loop is short enough to read. tsgan itself starts from
likelihood, which pays for every mode that is left out, so that its second stage finds all of them there.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch

from tsgan import RecurrentGAN
from tsgan.model.cells import LSTM
from tsgan.model.losses import LOSSES, Batch

STEPS, N, TURNS, SEEDS = 16, 600, 300, (0, 1, 2)  # steps, sequences, steps of the generator
torch.set_num_threads(1)  # networks this small are quicker on one core
LEVELS = np.array([-2.0, 0.0, 2.0])


def real(n, rng):
    """Return sequences `(n, STEPS)`, a third of each level, with noise that persists."""
    x = 0.3 * rng.standard_normal((n, STEPS))
    for t in range(1, STEPS):
        x[:, t] += 0.5 * x[:, t - 1]
    return x + LEVELS[np.arange(n) % 3][:, None]


def modes(x):
    """Return the share of sequences that stay near each level, and near none."""
    off = np.sqrt(((x[:, :, None] - LEVELS) ** 2).mean(1))
    return np.bincount(np.where(off.min(1) < 0.7, off.argmin(1), 3), minlength=4) / len(x)


@dataclass
class Remedies:
    """What the loop does; the defaults are the plain GAN."""

    loss: str = "gan"
    rates: tuple[float, float] = (2e-3, 2e-3)  # of the generator, of the critic
    critic_steps: int = 1
    noise: float = 0.0  # standard deviation of what is added to all that the critic sees, falling to 0
    clip: float = 0.0  # largest norm of a gradient


class Net(torch.nn.Module):
    """An LSTM and a linear layer: a number at each step, or a score at the end."""

    def __init__(self, inputs):
        super().__init__()
        self.cell, self.out = LSTM(inputs, 32), torch.nn.Linear(32, 1)

    def forward(self, x):
        """Return a number for each step."""
        return self.out(self.cell(x)[0])

    def score(self, batch):
        """Return a score for each sequence, as the losses ask for it."""
        return self(batch.x).mean((1, 2)) + batch.statics.sum(1)


def plain_gan(x, how, seed, batch=64):
    """Train for `TURNS` steps of the generator; return as many sequences as there are real ones."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed)
        g, critic, loss = Net(8), Net(1), LOSSES[how.loss]()
        adams = [
            torch.optim.Adam(m.parameters(), r, betas=(0.5, 0.9)) for m, r in zip((g, critic), how.rates, strict=True)
        ]
        data = torch.from_numpy(x).float()[:, :, None]

        def fake(n):
            z = torch.randn(n, 1, 4).expand(-1, STEPS, -1)  # one draw a sequence says which one it is
            return g(torch.cat([z, torch.randn(n, STEPS, 4)], 2))

        def seen(values, turn):
            values = values + how.noise * (1 - turn / TURNS) * torch.randn_like(values)
            return Batch(values, values.new_zeros(len(values), 0), torch.full((len(values),), STEPS))

        def move(module, adam, value):
            adam.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), how.clip or 1e9)
            adam.step()

        for turn in range(TURNS):
            for _ in range(how.critic_steps):
                a, b = seen(data[torch.randint(len(data), (batch,))], turn), seen(fake(batch).detach(), turn)
                pays = loss.penalty(critic.score, a, b, torch.rand(batch))
                move(critic, adams[1], loss.critic(critic.score(a), critic.score(b)) + pays)
            move(g, adams[0], loss.generator(torch.zeros(batch), critic.score(seen(fake(batch), turn))))
        with torch.no_grad():
            return fake(N)[:, :, 0].numpy()


def default(x, seed):
    """Fit tsgan as it is, for 100 steps; return as many sequences."""
    model = RecurrentGAN(steps=100, random_state=seed, verbose=False)
    return model.fit(x[:, :, None]).sample(N)[:, :, 0]


ROWS = {
    "plain GAN": Remedies(),
    "+ two rates": Remedies(rates=(1e-3, 4e-3)),
    "+ noise": Remedies(noise=0.5),
    "+ clipping": Remedies(clip=0.5),
    "+ Wasserstein": Remedies("wgan-gp", critic_steps=4),
    "all four": Remedies("wgan-gp", (1e-3, 2e-3), 4, 0.2, 0.5),
}
print(f"{'':15} modes found   smallest mode   of no mode     (mean of {len(SEEDS)} seeds, lowest to highest)")
figure, axes = plt.subplots(2, 4, figsize=(10, 4), sharex=True, sharey=True)
panels = iter(axes.flat)
for name in ["real", *ROWS, "tsgan"]:
    found = []
    axis = next(panels)
    axis.set_title(name, fontsize=9)
    for seed in SEEDS:
        x = real(N, np.random.default_rng(seed))
        made = x if name == "real" else default(x, seed) if name == "tsgan" else plain_gan(x, ROWS[name], seed)
        share = modes(made)
        axis.hist(made.mean(1), np.linspace(-4, 4, 41), alpha=0.6)
        found.append([(share[:3] > 0.05).sum(), share[:3].min(), share[3]])
    mean, low, high = np.mean(found, 0), np.min(found, 0), np.max(found, 0)
    print(f"{name:15} {mean[0]:.1f} ({low[0]:.0f} to {high[0]:.0f})", end="")
    print("".join(f"   {mean[k]:4.0%} ({low[k]:3.0%} to {high[k]:4.0%})" for k in (1, 2)), flush=True)
figure.supxlabel(f"mean of a sequence; a colour is one of {len(SEEDS)} seeds", fontsize=9)
figure.tight_layout()
figure.savefig("collapse.png", dpi=110)
