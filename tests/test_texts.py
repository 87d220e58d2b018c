"""Text goes in and comes back in kind: a string as a string, a list of strings as a list."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tsgan import RecurrentGAN, evaluate
from tsgan.errors import InputError, SchemaError
from tsgan.tables.strings import is_text, joined, spread

STORY = "Once upon a time there were three little sisters,\nand they lived at the bottom of a well. " * 40
LINES = [f"{who} said: {what}" for who in ("Alice", "the Queen", "the Hatter") for what in ("no!", "yes.", "why?")] * 5


def _model(data, **more):
    return RecurrentGAN(steps=0, random_state=0, protect=0, verbose=False, **more).fit(data)


@pytest.fixture(scope="module")
def story():
    return _model(STORY)


@pytest.fixture(scope="module")
def lines():
    return _model(LINES)


@given(some.text(some.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_string_is_spread_and_joined(text):
    frame, kind = spread(text, None)
    assert (joined(frame, kind), len(frame), kind) == (text, len(text), "one")


@given(some.lists(some.text(min_size=1), min_size=1))
def test_a_list_is_spread_and_joined(texts):
    frame, kind = spread(texts, None)
    assert (joined(frame, kind), len(frame), kind) == (texts, sum(map(len, texts)), "many")


def test_one_string_gives_strings(story, tmp_path):
    made = story.sample(1, length=60)
    assert isinstance(made, str)
    assert (len(made), set(made) <= set(STORY)) == (60, True)
    assert [len(one) for one in story.sample(3, length=20)] == [20] * 3
    assert len(story.continue_from("Once upon", 12)) == 12
    assert [len(one) for one in story.continue_from("Once upon", 5, n=2)] == [5, 5]
    assert story.score_samples("Once").shape == (4,)
    story.save(tmp_path / "model")
    assert RecurrentGAN.load(tmp_path / "model").sample(1, length=60) == made


def test_a_list_gives_lists(lines):
    made = lines.sample(20)
    assert all(isinstance(one, str) for one in made)
    assert len(set(map(len, made))) > 1  # lengths are drawn as learned
    assert [len(one) for one in lines.continue_from(["Alice", "the"], 4, n=2)] == [4] * 4
    assert [len(one) for one in lines.continue_from("Alice", 4)] == [4]
    assert lines.score_samples(["Alice", "no"]).shape == (7,)


def test_characters_follow_one_another(story):
    pairs = {STORY[at : at + 2] for at in range(len(STORY) - 1)}
    made = story.sample(1, length=500)
    assert np.mean([made[at : at + 2] in pairs for at in range(499)]) > 0.9  # .25 in random order


def test_the_judge_reads_text(story):
    report = evaluate(STORY, story.sample(1, length=len(STORY)), repeats=1, verbose=False, metrics=["marginals"])
    assert report["marginals"].value < 0.1


def test_paths_stay_paths(tmp_path):
    (tmp_path / "parts").mkdir()
    assert not any(map(is_text, ("a story", str(tmp_path), ["a.parquet", "b.csv"], [str(tmp_path / "parts")], [], 3)))
    assert all(map(is_text, ("", "a\nb", "a\rb", "a" * 300, ["Once upon a time."], ["ab", "a.csv"], ["a\nb.csv"])))
    with pytest.raises(InputError, match="a story: no such file or folder; a text is passed as a list"):
        _model("a story")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda one, many: one.continue_from("Once upØn", 3), "the character 'Ø' at position 7 (counted from 0)"),
        (lambda one, many: one.score_samples("caf\u00e9"), "the character 'é' at position 3 (counted from 0)"),
        (lambda one, many: one.continue_from("#", 3), f"known are {''.join(sorted(set(STORY)))!r}"),
        (lambda one, many: many.continue_from(["no", "n#"], 3), "the character '#' at position 1 of text 1 (counted"),
        (lambda one, many: one.continue_from("", 3), "the text is empty"),
        (lambda one, many: many.continue_from(["no", ""], 3), "text 1 (counted from 0) of 2 is empty"),
    ],
)
def test_bad_text_is_refused_by_place(story, lines, call, text):
    with pytest.raises(InputError, match=re.escape(text)):
        call(story, lines)


def test_a_list_is_no_more_of_one_text(story):
    with pytest.raises(SchemaError, match="fitted on one text, got a list of 2; pass them one by one"):
        story.continue_from(["a", "b"], 3)


def test_characters_that_few_have_are_not_learned_and_refused():
    model = RecurrentGAN(steps=0, random_state=0, verbose=False).fit(STORY + "Z" + STORY)
    assert "Z" not in model.sample(1, length=2000)
    assert np.isfinite(model.score_samples("a Z")).all()
    with pytest.raises(InputError, match="'Z' at position 2"):
        model.continue_from("a Z", 3)


def test_a_text_of_one_character_knows_that_one_alone():
    model = _model(["a" * 60, "a" * 50])
    with pytest.raises(
        InputError, match=r"the character 'Z' at position 1 \(counted from 0\) is none that was learned"
    ):
        model.continue_from("aZ", 3)


@pytest.mark.parametrize(
    ("text", "told"), [("", "the text is empty"), ("ab\n\ud800" * 20, "position 3 .* half of one")]
)
def test_a_string_that_is_no_text(text, told):
    with pytest.raises(InputError, match=told):
        _model(text)
