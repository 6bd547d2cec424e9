"""`validate_request`: from untrusted JSON to a frozen request."""

from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Team
from generations.errors import ModelNotFound
from generations.models import VideoModel
from generations.ordering.request import GenerationRequest, validate_request
from platform_site.errors import InvalidRequest
from tests.support.api import MODEL, generation_body
from tests.support.validating import refusal, validated

pytestmark = pytest.mark.django_db

OMITTED = object()


class TestDefaults:
    def test_a_prompt_alone_gets_the_vendors_defaults(self, team: Team) -> None:
        request = validated(team, {"model": MODEL, "input": {"prompt": "A quiet lake"}})
        assert request == GenerationRequest(
            model=MODEL,
            prompt="A quiet lake",
            image_urls=(),
            parameters={
                "duration": 5,
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "generate_audio": True,
                "watermark": False,
                "camera_fixed": False,
            },
            options={},
            callback_url="",
        )
        assert request.mode == "text"

    def test_null_in_an_optional_field_means_left_out(self, team: Team) -> None:
        names = (
            *("image_urls", "duration", "aspect_ratio", "ratio", "resolution", "generate_audio"),
            *("watermark", "camera_fixed", "seed"),
            *("video_urls", "audio_urls", "generation_type", "web_search", "return_last_frame"),
        )
        nulls = dict.fromkeys(names)
        assert validated(team, generation_body(callback_url=None, **nulls)) == validated(
            team, generation_body()
        )

    def test_p19_every_billed_parameter_is_always_sent(self, team: Team) -> None:
        assert validated(team, generation_body()).body() == {
            "model": MODEL,
            "input": {
                "prompt": "A quiet lake",
                "duration": 5,
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "generate_audio": True,
                "watermark": False,
                "camera_fixed": False,
            },
        }

    def test_what_is_asked_for_is_what_is_sent(self, team: Team) -> None:
        inputs = {
            "prompt": "From dawn to dusk",
            "image_urls": ["https://example.com/a.jpg", "https://example.com/b.jpg"],
            "duration": 12,
            "aspect_ratio": "21:9",
            "resolution": "1080p",
            "generate_audio": False,
            "watermark": True,
            "camera_fixed": True,
            "seed": 0,
        }
        request = validated(team, {"model": MODEL, "input": inputs})
        assert request.body() == {"model": MODEL, "input": inputs}

    def test_equal_requests_have_equal_fingerprints_and_others_have_not(self, team: Team) -> None:
        plain = validated(team, generation_body()).fingerprint()
        assert validated(team, generation_body(ratio="16:9", duration=5)).fingerprint() == plain
        for change in (
            {"duration": 6},
            {"seed": 1},
            {"watermark": True},
            {"callback_url": "https://example.com/hook"},
        ):
            assert validated(team, generation_body(**change)).fingerprint() != plain


class TestShape:
    @pytest.mark.parametrize("body", [None, [], "text", 5, True, [{"model": MODEL}]])
    def test_the_body_is_an_object(self, team: Team, body: object) -> None:
        refusal(team, body)

    @pytest.mark.parametrize("model", [OMITTED, None, ""])
    def test_the_model_is_required_in_the_vendors_words(self, team: Team, model: object) -> None:
        body = generation_body()
        body.pop("model")
        if model is not OMITTED:
            body["model"] = model
        error = refusal(team, body)
        assert (error.message, error.field) == ("'model' is required.", "model")

    @pytest.mark.parametrize("model", [5, True, ["x"], {"name": MODEL}])
    def test_the_model_is_a_string(self, team: Team, model: object) -> None:
        assert refusal(team, generation_body(model=model)).field == "model"

    @pytest.mark.parametrize(
        "model", ["doubao-seedance-2.0", MODEL.upper(), f" {MODEL}", "\0", "\ud800", "m" * 9000]
    )
    def test_a_model_that_is_not_in_the_catalogue_is_not_found(
        self, team: Team, model: str
    ) -> None:
        with pytest.raises(ModelNotFound) as caught:
            validated(team, generation_body(model=model))
        assert (caught.value.status, caught.value.code) == (404, "model_not_found")

    def test_an_inactive_model_is_not_found(self, team: Team) -> None:
        VideoModel.objects.update(active=False)
        with pytest.raises(ModelNotFound):
            validated(team, generation_body())

    @pytest.mark.parametrize("value", [OMITTED, None])
    def test_the_input_is_required(self, team: Team, value: object) -> None:
        body = {"model": MODEL} | ({} if value is OMITTED else {"input": value})
        assert refusal(team, body).message == "'input' is required."

    @pytest.mark.parametrize("value", [[], "prompt", 5, False])
    def test_the_input_is_an_object(self, team: Team, value: object) -> None:
        assert refusal(team, {"model": MODEL, "input": value}).field == "input"

    @pytest.mark.parametrize(
        "name", ["video_urls", "audio_urls", "generation_type", "web_search", "return_last_frame"]
    )
    @pytest.mark.parametrize("value", [[], False, "x"])
    def test_what_this_model_does_not_support_is_refused(
        self, team: Team, name: str, value: object
    ) -> None:
        error = refusal(team, generation_body(**{name: value}))
        assert error.message == f"'{name}' is not supported by this model."
        assert error.field == name

    def test_an_unknown_field_is_refused_with_the_name_that_was_meant(self, team: Team) -> None:
        error = refusal(team, generation_body(resolutoin="480p"))
        assert error.message == (
            "'input.resolutoin' is not a known field. Did you mean 'resolution'?"
        )
        error = refusal(team, {**generation_body(), "callbackUrl": "https://example.com"})
        assert error.message == "'callbackUrl' is not a known field. Did you mean 'callback_url'?"

    @pytest.mark.parametrize("name", ["x" * 100_000, "\ud800", "\0", "", "é" * 80])
    def test_an_unknown_fields_name_is_never_repeated_whole_or_broken(
        self, team: Team, name: str
    ) -> None:
        error = refusal(team, generation_body(**{name: 1}))
        assert len(error.message) < 200
        assert len(error.field or "") <= 60
        assert (error.message + (error.field or "")).encode()  # it can be sent


class TestPrompt:
    @pytest.mark.parametrize("prompt", [None, "", " ", 5, True, ["a"], {"text": "a"}])
    def test_a_prompt_is_text_with_something_in_it(self, team: Team, prompt: object) -> None:
        assert refusal(team, generation_body(prompt)).field == "prompt"

    @pytest.mark.parametrize(
        "prompt", ["\n\t", "\u200b", "\ufeff\u200e", "\u3164", "\u2800 ", "\U000e0041", "\ufe0f"]
    )
    def test_f12_a_prompt_of_nothing_visible_is_empty(self, team: Team, prompt: str) -> None:
        error = refusal(team, generation_body(prompt))
        assert (error.message, error.field) == ("'input.prompt' must not be empty.", "prompt")

    def test_a_prompt_is_required(self, team: Team) -> None:
        error = refusal(team, {"model": MODEL, "input": {}})
        assert (error.message, error.field) == ("'input.prompt' is required.", "prompt")

    @pytest.mark.parametrize(
        "prompt", ["a", "x" * 10_000, "🎬" * 10_000, "一只猫在雪地里奔跑", "Zoë \u200d\n👩"]
    )
    def test_any_text_of_up_to_10_000_characters_passes_unchanged(
        self, team: Team, prompt: str
    ) -> None:
        assert validated(team, generation_body(prompt)).prompt == prompt

    @pytest.mark.parametrize("prompt", ["x" * 10_001, "x" * 20_000])
    def test_a_longer_prompt_is_refused_with_both_figures(self, team: Team, prompt: str) -> None:
        message = refusal(team, generation_body(prompt)).message
        assert f"{len(prompt):,}" in message
        assert "10,000" in message

    @pytest.mark.parametrize("prompt", ["a\0b", "\0", "a\ud83d", "\udc00b"])
    def test_what_is_no_text_is_refused(self, team: Team, prompt: str) -> None:
        assert refusal(team, generation_body(prompt)).field == "prompt"


class TestValues:
    @pytest.mark.parametrize("duration", [4, 5, 12])
    def test_durations_from_4_to_12(self, team: Team, duration: int) -> None:
        assert validated(team, generation_body(duration=duration)).duration == duration

    @pytest.mark.parametrize(
        "duration", [3, 13, 0, -5, "5", 5.5, 5.0, True, False, [5], float("nan"), 10**30]
    )
    def test_no_other_duration(self, team: Team, duration: object) -> None:
        error = refusal(team, generation_body(duration=duration))
        assert error.field == "duration"
        assert "from 4 to 12" in error.message

    @pytest.mark.parametrize("seed", [-1, 0, 41485, 2**32 - 1])
    def test_seeds_in_the_vendors_range(self, team: Team, seed: int) -> None:
        assert validated(team, generation_body(seed=seed)).body()["input"]["seed"] == seed

    @pytest.mark.parametrize("seed", [-2, 2**32, "7", 7.0, True, [7], 10**30])
    def test_no_other_seed(self, team: Team, seed: object) -> None:
        assert refusal(team, generation_body(seed=seed)).field == "seed"

    @pytest.mark.parametrize("ratio", ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"])
    @pytest.mark.parametrize("name", ["aspect_ratio", "ratio"])
    def test_both_names_of_every_ratio(self, team: Team, name: str, ratio: str) -> None:
        assert validated(team, generation_body(**{name: ratio})).aspect_ratio == ratio

    @pytest.mark.parametrize("name", ["aspect_ratio", "ratio"])
    @pytest.mark.parametrize("ratio", ["2:1", "16/9", "adaptive", "", 1.78, True, ["16:9"], {}])
    def test_no_other_ratio(self, team: Team, name: str, ratio: object) -> None:
        assert refusal(team, generation_body(**{name: ratio})).field == "aspect_ratio"

    def test_the_two_names_of_the_ratio_may_agree_but_not_disagree(self, team: Team) -> None:
        agreeing = generation_body(aspect_ratio="1:1", ratio="1:1")
        assert validated(team, agreeing).aspect_ratio == "1:1"
        error = refusal(team, generation_body(aspect_ratio="1:1", ratio="9:16"))
        assert "disagree" in error.message
        half_null = generation_body(aspect_ratio=None, ratio="9:16")
        assert validated(team, half_null).aspect_ratio == "9:16"

    @pytest.mark.parametrize("resolution", ["480p", "720p", "1080p"])
    def test_the_three_resolutions(self, team: Team, resolution: str) -> None:
        assert validated(team, generation_body(resolution=resolution)).resolution == resolution

    @pytest.mark.parametrize("resolution", ["4k", "720", "720P", "", 720, True, ["720p"]])
    def test_no_other_resolution(self, team: Team, resolution: object) -> None:
        error = refusal(team, generation_body(resolution=resolution))
        assert error.message == "'input.resolution' must be one of 480p, 720p, 1080p."

    @pytest.mark.parametrize("name", ["generate_audio", "watermark", "camera_fixed"])
    @pytest.mark.parametrize("value", [0, 1, "true", "", [], {}])
    def test_a_switch_is_true_or_false(self, team: Team, name: str, value: object) -> None:
        error = refusal(team, generation_body(**{name: value}))
        assert error.field == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["prompt", "image_urls", "duration", "ratio", "aspect_ratio", "resolution", "seed", "x"]
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(inputs=st.dictionaries(NAMES, JSON), callback_url=JSON)
def test_whatever_comes_is_taken_or_refused_in_the_vendors_words(
    db: None, inputs: dict[str, Any], callback_url: Any
) -> None:
    body = {"model": MODEL, "input": inputs, "callback_url": callback_url}
    try:
        request = validate_request(body, team=Team(pk=1), now=timezone.now())
    except InvalidRequest as error:
        words = error.message + (error.field or "")
    else:
        words = request.prompt
    assert words.encode()
