"""Text: a story learned character by character; bits a character of its last chapters beside an n-gram; a sample.

Of 120,000 letters and a minute a recurrent network makes about as much as the best n-gram, which learns such a short
book by heart in seconds; it needs no order to be chosen, and goes on from any past.
"""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from tsgan import RecurrentGAN, datasets


def kneser_ney(train, test, order, discount=0.8):
    """Return bits a character of an interpolated n-gram ("Improved backing-off for M-gram language modeling", 1995)."""
    follow = [defaultdict(Counter) for _ in range(order + 1)]  # by length of the past: what comes after it, how often
    for at in range(order, len(train)):
        follow[order][train[at - order : at]][train[at]] += 1
    for length in range(order, 0, -1):  # a shorter past counts in how many longer ones it stands
        for past, counts in follow[length].items():
            follow[length - 1][past[1:]].update(counts.keys())
    text, bits, letters = train[-order:] + test, 0.0, len(set(train))
    for at in range(order, len(text)):
        share = 1 / letters
        for length in range(order + 1):
            if (counts := follow[length].get(text[at - length : at])) is None:
                break
            kept = max(counts[text[at]] - discount, 0.0) if text[at] in counts else 0.0
            share = (kept + discount * len(counts) * share) / counts.total()
        bits -= np.log2(share)
    return bits / len(test)


story = datasets.load("alice")  # a paragraph a row; the last two of twelve chapters are held back
train, test = ("\n".join(part["text"]) + "\n" for _, part in story.groupby(story["chapter"] > 10))

# protect=0: a published text, whose rare letters may be told. Windows may be short: the state goes on from one to the
# next, and of few letters a step is learned better in small batches.
model = RecurrentGAN(protect=0, steps=1400, batch_size=64, adversarial_steps=0, random_state=0, verbose=False)
model.fit(train)

print(f"{'bits a character':24}{'learned':>10}{'held back':>12}")
short = train[:20_000]
print(f"{'alphabet':24}{np.log2(len(set(train))):10.2f}{np.log2(len(set(train))):12.2f}")
for order in (1, 3, 5):
    print(f"{f'n-gram, order {order}':24}{'':10}{kneser_ney(train, test, order):12.2f}")
learned, held = (-model.score_samples(part).mean() / np.log(2) for part in (short, test))
print(f"{'tsgan':24}{learned:10.2f}{held:12.2f}")

sample = model.sample(1, length=600)
futures = model.continue_from("Once upon", 150, n=3)
Path("sample.txt").write_text(sample)
print(f"\na sample (600 characters in sample.txt):\n{sample[:250]}\n")
print(*(f"Once upon{future}\n" for future in futures), sep="\n")

real, made = (set(text.split()) for text in (train + test, sample))
print(f"{len(made & real) / len(made):.0%} of the sample's words are words of the story")
