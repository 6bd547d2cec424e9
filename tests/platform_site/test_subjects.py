"""What rows are about: kinds from models and back."""

import pytest
from django.apps import apps
from django.db.models import Model
from django.utils.functional import SimpleLazyObject

from accounts.models import ApiKey, User, WebhookEndpoint
from generations.models import VideoModel
from platform_site.db.subjects import model_of, subject_kind_of

OURS = ("platform_site", "accounts", "billing", "generations")
MODELS = [model for app in OURS for model in apps.get_app_config(app).get_models()]


def test_f15_kinds_are_words() -> None:
    kinds = [subject_kind_of(one) for one in (ApiKey, WebhookEndpoint, VideoModel, User(email="a"))]
    assert kinds == ["api_key", "webhook_endpoint", "video_model", "user"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_f15_each_model_of_ours_is_found_by_its_kind(model: type[Model]) -> None:
    assert model_of(subject_kind_of(model)) is model


def test_f15_a_requests_user_is_a_user() -> None:
    user = SimpleLazyObject(lambda: User(email="a"))
    assert subject_kind_of(user) == "user"  # type: ignore[arg-type]  # the type of a proxy


@pytest.mark.parametrize("kind", ["", "member", "no_such"])
def test_f15_other_kinds_have_no_model(kind: str) -> None:
    assert model_of(kind) is None
