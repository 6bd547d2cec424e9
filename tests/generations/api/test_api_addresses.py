"""Addresses of the API that are written a little wrong, and ids in what surrounds them."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership
from generations.models import ProviderKey
from tests.factories import make_generation
from tests.support.api import GENERATIONS, Api, generation_body
from tests.support.api_errors import error_of

pytestmark = pytest.mark.django_db

# Without it, the test client takes what follows two slashes for a host.
HOST = "http://testserver"


@pytest.fixture
def task_id(alice: Membership, provider_key: ProviderKey) -> str:
    """A live, paid task of Alice's team."""
    return str(make_generation(alice).id)


@pytest.mark.parametrize(
    "path", ["//v1/credits", "/v1//credits", "/v1/credits/", "///v1///credits//", "/v1/credits%20"]
)
def test_f10_slashes_too_many_are_overlooked(api: Api, path: str) -> None:
    reply = Client().generic("GET", HOST + path, headers={"Authorization": f"Bearer {api.key}"})
    assert reply.status_code == 200
    assert reply.json()["data"]["balance"] == 1000


@pytest.mark.parametrize("path", [f"/{GENERATIONS}", f"{GENERATIONS}/"])
def test_f10_a_generation_is_submitted_there_too(api: Api, path: str) -> None:
    assert api.post(HOST + path, generation_body()).status_code == 200


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/api/v1/credits", "/v1/credits"),
        ("/api/credits", "/v1/credits"),
        ("//api//v1/credits/", "/v1/credits"),
        ("/V1/credits", "/v1/credits"),
        ("/v1/v1/credits", "/v1/credits"),
        ("/v1/api/v1/credits", "/v1/credits"),
        ("/v1/Credits", "/v1/credits"),
        ("/credits", "/v1/credits"),
        ("/uploads", "/v1/uploads"),
        ("/videos/generations", "/v1/videos/generations"),
        ("/api/v1/videos/generations", "/v1/videos/generations"),
        ("/v1/video/generations", "/v1/videos/generations"),
        ("/v1/videos/generation", "/v1/videos/generations"),
        ("/v1/upload", "/v1/uploads"),
        ("/v1/tasks", "/v1/tasks/{id}"),
        ("/tasks/", "/v1/tasks/{id}"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_f10_a_slip_in_the_address_is_answered_with_the_right_one(
    db: None, path: str, meant: str, method: str
) -> None:
    reply = Client(enforce_csrf_checks=True).generic(method, HOST + path)
    assert f"Did you mean {meant}?" in error_of(reply, 404, "not_found")["message"]
    assert reply["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/v1/nope", "/api", "/api/v2/", "/v1/nope"])
def test_f10_what_has_no_right_address_is_refused_in_json_too(db: None, path: str) -> None:
    message = error_of(Client().get(path), 404, "not_found")["message"]
    assert "Did you mean" not in message


@pytest.mark.parametrize("path", ["/nope", "/studio", "/apis", "/v1x/credits", "/static/nope.js"])
def test_f10_a_page_that_does_not_exist_stays_a_page(db: None, path: str) -> None:
    reply = Client().get(path)
    assert reply.status_code in (301, 404)
    assert reply["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "written",
    [
        "{}/",
        "{}//",
        "{}%20",
        "%20{}",
        "{}%0A",
        "%22{}%22",
        "'{}'",
        "%7B{}%7D",
        "%3C{}%3E",
        "{}.",
        "{},",
        "urn:uuid:{}",
        "%E2%80%8B{}",
    ],
)
def test_f11_what_surrounds_a_tasks_id_is_overlooked(api: Api, task_id: str, written: str) -> None:
    for text in (task_id, task_id.upper(), task_id.replace("-", "")):
        reply = api.task(written.format(text))
        assert reply.status_code == 200, reply.content
        assert reply.json()["id"] == task_id


@pytest.mark.parametrize("action", ["cancel", "receipt"])
def test_f11_so_it_is_for_what_stands_below_a_task(api: Api, task_id: str, action: str) -> None:
    ask: Any = api.post if action == "cancel" else api.get
    assert ask(f"{HOST}//v1/tasks/{task_id}/{action}/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tasks/{}/status",
        "/v1/tasks/{}/result/",
        "/v1/videos/generations/{}",
        "/v1/task/{}",
        "/api/v1/tasks/{}",
        "/tasks/{}",
        "/v1/{}",
        "/v1/videos/{}",
    ],
)
def test_f11_another_address_of_a_task_names_the_right_one(
    api: Api, task_id: str, path: str
) -> None:
    message = error_of(api.get(path.format(task_id)), 404, "not_found")["message"]
    assert f"Did you mean /v1/tasks/{task_id}?" in message
    assert api.get(f"/v1/tasks/{task_id}").status_code == 200


def test_f11_p32_a_strangers_task_reads_like_none_however_it_is_written(
    stranger_api: Api, task_id: str
) -> None:
    nobodys = "00000000-0000-4000-8000-000000000000"
    for path in ("/v1/tasks/{}/", "/v1/tasks/{}%20", "/v1/tasks/{}/status", "/v1/task/{}"):
        theirs, none = (stranger_api.get(path.format(one)) for one in (task_id, nobodys))
        assert theirs.status_code == none.status_code == 404
        assert theirs.content.replace(task_id.encode(), nobodys.encode()) == none.content
