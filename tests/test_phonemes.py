"""Words that are nearly a phrase: by the phonemes of espeak-ng, and never the phrase itself, in any accent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsstream.data.confusable import Confusable, parts_of
from kwsstream.data.phonemes import differs, distance, holds, near, sounds, sounds_unlike, spelled, text_of
from kwsstream.data.phrases import Recipe, plan
from kwsstream.data.voices import ACCENTS, accents
from kwsstream.errors import UserError

HEY_ROBOT = (("h", "'eI"), ("r", "'oU", "b", "0", "t"))
PHRASES = ("hey robot", "robot", "lights off")
VOCABULARY = ("hay rabbit", "banana", "they rub it", "lights out", "lights on", "hey robot please", "hello")


@pytest.fixture(scope="module")
def texts():
    return Confusable(PHRASES, ["seven", "robot", "12"], VOCABULARY, ACCENTS)


def test_a_text_is_spelled_in_phonemes_and_said_from_them():
    assert spelled([("en-us", "hey robot"), ("de", "Licht")]) == [HEY_ROBOT, (("l", "'I", "C", "t"),)]
    assert text_of(HEY_ROBOT) == "[[h|'eI r|'oU|b|0|t]]"
    assert sounds(HEY_ROBOT) == ("h", "eI", "r", "oU", "b", "0", "t")
    assert not any(";" in word for word in spelled([("en-us", "68")])[0]), "a mark is no phoneme"
    with pytest.raises(UserError, match="espeak returned") as caught:
        spelled([("nowhere", "hey")])
    assert "\n" not in str(caught.value)


words = st.lists(st.sampled_from("abcd"), max_size=6)


@given(words, words, words)
def test_distance_is_one(a, b, c):
    assert distance(a, a) == 0 and distance(a, b) == distance(b, a)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))
    assert distance([*a, *c], [*b, *c]) <= distance(a, b)


def test_distance_counts_edits():
    assert distance("kitten", "sitting") == 3
    assert distance("", "abc") == 3


def test_what_may_be_taken_for_a_phrase_is_refused():
    said = dict(zip(("hay", "lay", "two", "three"), [
        (("h", "'aI"), HEY_ROBOT[1]),
        (("l", "'eI"), HEY_ROBOT[1]),
        (("l", "'eI"), ("r", "'oU", "b", "0", "k")),
        (("l", "'i:"), ("r", "'oU", "b", "0", "k")),
    ], strict=True))  # fmt: skip
    assert not differs(said["hay"], [HEY_ROBOT]), "vowels differ between accents"
    assert not differs(said["lay"], [HEY_ROBOT]), "one edit"
    assert not differs(said["two"], [HEY_ROBOT]), "two edits of seven phonemes: mumbled"
    assert sounds_unlike(said["two"], [HEY_ROBOT]), "and yet another text"
    assert differs(said["three"], [HEY_ROBOT])
    assert not differs((("'aI",), HEY_ROBOT[1]), [HEY_ROBOT]), "some accents leave out h"
    flapped = (HEY_ROBOT[0], ("r", "'oU", "b", "a", "t#"))
    assert not differs(flapped, [HEY_ROBOT]), "t# is a way to say t"
    drawled = (("l", "'eI"), ("r", "'oU", "oU", "b", "0:", "t"))
    assert not differs(drawled, [HEY_ROBOT]), "what is said twice in a row, or long, is heard once"
    assert not differs(said["three"], [HEY_ROBOT, (("'oU", "b"),)]), "another phrase is within"
    assert holds(HEY_ROBOT, (("eI", "r"),)) and not holds(HEY_ROBOT, (("h", "r"),))


def test_edits_stay_within_their_number():
    for seed in range(200):
        draw = np.random.default_rng(seed)
        other = near(HEY_ROBOT, ["p", "t", "s", "i", "aU"], 2, draw)
        assert distance(sounds(other), sounds(HEY_ROBOT)) <= 2
        assert len(other) <= 2 and all(other)


@pytest.mark.parametrize("kind", ["near", "part", "other"])
def test_no_text_is_to_be_taken_for_a_phrase_in_its_accent(texts, kind):
    draw, said = np.random.default_rng(0), []
    for n in range(160):
        accent, phrase = ACCENTS[n % len(ACCENTS)], PHRASES[n % 3]
        said.append((accent, texts.said(kind, phrase, accent, draw)))
    plain = [(accent, text) for accent, text in said if not text.startswith("[[")]
    found = [(accent, tuple(tuple(w.split("|")) for w in text[2:-2].split())) for accent, text in said if "[[" in text]
    found += zip([accent for accent, _ in plain], spelled(plain), strict=True)
    assert len(found) == 160 and len({text for _, text in said}) > 10
    of_users = {texts.spellings[accent][text] for accent in ACCENTS for text in VOCABULARY}
    for accent, spelling in found:
        check = sounds_unlike if spelling in of_users else differs
        assert check(spelling, texts.phrases[accent]), (accent, spelling)


def test_the_nearest_of_a_vocabulary_come_first(texts):
    found = texts.neighbours["en-us"]["hey robot"]
    assert found[0] == "they rub it"
    assert "hey robot please" not in found, "it holds the phrase"
    assert "hay rabbit" not in found, "no more than its vowels differ"
    assert texts.neighbours["en-us"]["lights off"][:2] == ["lights on", "lights out"], "as near as it is given"


def test_parts_are_words_runs_and_ends():
    found = parts_of((("a",), ("t", "i"), ("s", "o")))
    assert (("a",), ("t", "i")) in found and (("s", "o"),) in found
    assert (("s", "o"), ("t", "i"), ("a",)) in found, "backwards"
    assert (("a", "t"),) in found and (("s",),) not in found, "a part has a vowel"


@pytest.mark.parametrize(("language", "phrase"), [("de", "Licht aus"), ("cmn", "你好"), ("es-419", "hola robot")])
def test_any_language_is_planned(language, phrase):
    takes = plan(Recipe((phrase,), language, clips=8, voices=5, made_up=0))
    said = {(take.path.split("/")[1], take.utterance) for all_of in takes.values() for take in all_of}
    assert sum(word == phrase for word, _ in said) == 8
    assert {utterance.voice.split("+")[0] for _, utterance in said} <= set(accents(language))
    assert len({utterance.text for word, utterance in said if word == "unknown.near"}) > 4


def test_languages_have_their_accents():
    assert accents("en") == list(ACCENTS)
    assert accents("FR") == ["fr", "fr-BE", "fr-CH"]
    assert accents("cmn") == ["cmn"], "not those that are written in another script"
    with pytest.raises(UserError, match=r"speaks no language 'klingonese': expected one of af, "):
        accents("klingonese")


def test_a_phrase_without_a_sound_is_named():
    with pytest.raises(UserError, match=r"no sound for '\.\.\.' in en"):
        Confusable(["..."], [], [], ["en"])
