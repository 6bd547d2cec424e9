"""A row's parameters are read whole, or what is wrong with them is said in sentences."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generations.catalog.entries import durations_of, resolutions_of
from generations.catalog.parameters import Boolean, Choice, WholeNumber
from generations.catalog.specs import BadParameters, read_parameters
from generations.models import VideoModel

DURATION = {
    "name": "duration",
    "type": "integer",
    "from": 4,
    "to": 12,
    "unit": "seconds",
    "default": 5,
    "label": "Duration",
}
RESOLUTION = {
    "name": "resolution",
    "type": "choice",
    "choices": ["480p", "720p"],
    "default": "720p",
    "label": "Resolution",
}
SWITCH = {"name": "x", "type": "boolean", "default": False, "label": "X"}
RATIO = {
    "name": "aspect_ratio",
    "type": "choice",
    "choices": ["1:1"],
    "default": "1:1",
    "label": "Ratio",
}


def problems(*specs: Any) -> str:
    with pytest.raises(BadParameters) as caught:
        read_parameters(list(specs))
    return " ".join(caught.value.problems)


def test_the_three_types_are_read_in_the_rows_order() -> None:
    duration, resolution, switch = read_parameters([DURATION, RESOLUTION, SWITCH])
    assert isinstance(duration, WholeNumber)
    assert (duration.low, duration.high, duration.default) == (4, 12, 5)
    assert isinstance(resolution, Choice)
    assert resolution.choices == ("480p", "720p")
    assert isinstance(switch, Boolean)
    assert switch.words == ("on", "off")


@pytest.mark.django_db
def test_the_row_of_today_is_read() -> None:
    model = VideoModel.objects.get()
    assert durations_of(model) == range(4, 13)
    assert resolutions_of(model) == ("480p", "720p", "1080p")


@pytest.mark.parametrize("specs", [None, {}, "duration", 5])
def test_parameters_are_a_list(specs: object) -> None:
    with pytest.raises(BadParameters):
        read_parameters(specs)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "text"}, "'type' is one of boolean, choice, integer"),
        ({"type": ["x"]}, "'type'"),
        ({"colour": "red"}, "'colour' says nothing"),
        ({"choices": ["a"]}, "'choices' says nothing"),
        ({"name": "Draft mode"}, "names are small letters"),
        ({"name": ""}, "'name' is a text"),
        ({"aliases": ["X"]}, "names are small letters"),
        ({"aliases": "y"}, "'aliases' are a list of texts"),
        ({"label": " "}, "'label' is a text"),
        ({"label": "x" * 201}, "at most 200"),
        ({"help": 5}, "'help' is a text"),
        ({"place": "top"}, "'place' is one of main, advanced, hidden"),
        ({"position": True}, "'position' is a whole number"),
        ({"metadata": "colour"}, "'metadata' is one of"),
        ({"default": None}, "'default' must be true or false"),
        ({"default": 1}, "'default' must be true or false"),
        ({"words": ["yes"]}, "'words' are two"),
    ],
)
def test_a_wrong_key_is_named_with_its_parameter(changes: dict[str, Any], words: str) -> None:
    said = problems(DURATION, RESOLUTION, {**SWITCH, **changes})
    assert said.startswith("Parameter 3")
    assert words in said


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({**DURATION, "default": 13}, "'default' must be a whole number of seconds from 4 to 12"),
        ({**DURATION, "default": None}, "the price needs one"),
        ({**DURATION, "from": 13}, "'from' lies above its 'to'"),
        ({**DURATION, "from": 0}, "from 1 to 3600"),
        ({**DURATION, "to": 4.5}, "'to' is a whole number"),
        ({**DURATION, "to": 10**400}, "'to' is a whole number"),
        ({**SWITCH, "name": "duration"}, "another 'type'"),
        ({**RESOLUTION, "choices": []}, "'choices' are a list"),
        ({**RESOLUTION, "choices": ["720p", "720p"]}, "each once"),
        ({**RESOLUTION, "choices": ["720p", "x" * 11]}, "at most 10"),
        ({**RESOLUTION, "default": "8k"}, "one of 480p, 720p"),
        ({**RESOLUTION, "default": None}, "one of its choices"),
        ({**RESOLUTION, "left_to_vendor": ["auto"]}, "among its choices"),
        ("duration", "an object"),
        (None, "an object"),
    ],
)
def test_a_range_or_choice_that_no_request_could_have_is_refused(spec: Any, words: str) -> None:
    assert words in problems(spec)


def test_a_default_that_is_missing_is_not_taken_for_null() -> None:
    spec = {key: value for key, value in SWITCH.items() if key != "default"}
    assert "'default' is missing" in problems(DURATION, RESOLUTION, spec)


def test_parameters_go_together() -> None:
    assert "'duration' is missing" in problems(RESOLUTION)
    assert "'resolution' is missing" in problems(DURATION)
    assert "'x' is there twice" in problems(DURATION, RESOLUTION, SWITCH, SWITCH)
    aliased = {**RATIO, "aliases": ["x"]}
    assert "'x' is there twice" in problems(DURATION, RESOLUTION, SWITCH, aliased)
    assert "'prompt' is a field of every model" in problems(
        DURATION, RESOLUTION, {**SWITCH, "name": "prompt"}
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["name", "type", "label", "default", "aliases", "help", "title", "place", "position"]
KEYS += ["metadata", "words", "choices", "left_to_vendor", "from", "to", "unit", "placeholder"]


@given(which=st.sampled_from([0, 1, 2]), key=st.sampled_from(KEYS), value=JSON)
def test_whatever_is_written_is_read_or_refused_in_words(which: int, key: str, value: Any) -> None:
    specs: list[dict[str, Any]] = deepcopy([DURATION, RESOLUTION, SWITCH])
    specs[which][key] = value
    try:
        words = [one.label for one in read_parameters(specs)]
    except BadParameters as error:
        words = error.problems
    assert words
