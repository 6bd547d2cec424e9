"""`validate_request`: links to images, and uploads."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership, Team
from generations.models import Upload
from generations.uploads.links import upload_url, uploaded_token
from platform_site.errors import InvalidRequest
from tests.factories import make_team
from tests.support.api import generation_body
from tests.support.uploads import make_upload
from tests.support.validating import refusal, validated

pytestmark = pytest.mark.django_db


@pytest.fixture
def upload(team: Team, alice: Membership) -> Upload:
    """A live upload of Alice's team."""
    return make_upload(alice)


class TestImages:
    @pytest.mark.parametrize(
        ("count", "mode"), [(0, "text"), (1, "first_frame"), (2, "first_last_frame")]
    )
    @pytest.mark.parametrize("as_objects", [False, True])
    def test_the_number_of_images_is_the_mode(
        self, team: Team, count: int, mode: str, *, as_objects: bool
    ) -> None:
        urls = [f"https://example.com/{number}.jpg" for number in range(count)]
        images = [{"url": url} for url in urls] if as_objects else urls
        request = validated(team, generation_body(image_urls=images))
        assert (request.mode, list(request.image_urls)) == (mode, urls)

    def test_three_images_are_too_many(self, team: Team) -> None:
        urls = [f"https://example.com/{number}.jpg" for number in range(3)]
        error = refusal(team, generation_body(image_urls=urls))
        assert error.field == "image_urls"
        assert "at most 2" in error.message

    @pytest.mark.parametrize(
        "images",
        [
            "https://example.com/a.jpg",
            {"url": "https://example.com/a.jpg"},
            [5],
            [None],
            [["https://example.com/a.jpg"]],
            [{}],
            [{"url": None}],
            [{"url": 5}],
            [{"href": "https://example.com/a.jpg"}],
            [{"url": "https://example.com/a.jpg", "role": "first"}],
        ],
    )
    def test_images_are_urls_or_objects_with_just_a_url(self, team: Team, images: object) -> None:
        assert refusal(team, generation_body(image_urls=images)).field == "image_urls"

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "a.jpg",
            "//example.com/a.jpg",
            "ftp://example.com/a.jpg",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "http://",
            "http://localhost/a.jpg",
            "http://127.0.0.1/a.jpg",
            "http://127.1/a.jpg",
            "http://2130706433/a.jpg",
            "http://0x7f000001/a.jpg",
            "http://[::1]/a.jpg",
            "http://[::ffff:127.0.0.1]/a.jpg",
            "http://10.0.0.1/a.jpg",
            "http://172.16.0.1/a.jpg",
            "http://192.168.1.1/a.jpg",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/a.jpg",
            "http://0.0.0.0/a.jpg",
            "http://printer.local/a.jpg",
            "http://user:password@example.com/a.jpg",
            "https://example.com/a\0.jpg",
            "https://example.com/\ud800.jpg",
            "https://example.com/" + "a" * 8192,
        ],
    )
    def test_p31_only_public_http_urls_are_taken(self, team: Team, url: str) -> None:
        assert refusal(team, generation_body(image_urls=[url])).field == "image_urls"
        error = refusal(team, generation_body(image_urls=["https://example.com/a.jpg", url]))
        assert "image_urls[1]" in error.message
        assert refusal(team, generation_body(callback_url=url)).field == "callback_url"

    @pytest.mark.parametrize("url", [5, True, [], {"url": "https://example.com/"}])
    def test_a_callback_url_is_a_string(self, team: Team, url: object) -> None:
        assert refusal(team, generation_body(callback_url=url)).field == "callback_url"

    def test_a_callback_url_on_the_allow_list_is_taken(self, team: Team, settings: Any) -> None:
        settings.OUTBOUND_ALLOW = ["127.0.0.1:9000"]
        url = "http://127.0.0.1:9000/hook"
        assert validated(team, generation_body(callback_url=url)).callback_url == url
        with pytest.raises(InvalidRequest):
            validated(team, generation_body(image_urls=[url]))


class TestUploads:
    def test_a_live_upload_of_the_team_is_taken(self, team: Team, upload: Upload) -> None:
        url = upload_url(upload)
        assert validated(team, generation_body(image_urls=[url])).image_urls == (url,)

    def test_p32_a_strangers_upload_reads_like_one_that_never_was(
        self, team: Team, charlie: Membership
    ) -> None:
        theirs = upload_url(make_upload(charlie))
        nobodys = upload_url(Upload(file_name="ab/x.png"))
        messages = {
            refusal(team, generation_body(image_urls=[url])).message for url in (theirs, nobodys)
        }
        assert len(messages) == 1

    def test_an_expired_upload_is_refused(self, team: Team, alice: Membership) -> None:
        expired = make_upload(alice, expires_at=timezone.now())
        error = refusal(team, generation_body(image_urls=[upload_url(expired)]))
        assert "upload the image again" in error.message

    @pytest.mark.parametrize(
        "path",
        ["/", "/films/{token}.png", "/uploads/", "/uploads/../films/{token}.png", "/x//uploads/"],
    )
    def test_p31_no_other_address_of_ours_is_an_image(
        self, team: Team, upload: Upload, settings: Any, path: str
    ) -> None:
        url = settings.PUBLIC_URL + path.format(token=upload.token)
        refusal(team, generation_body(image_urls=[url]))

    @pytest.mark.parametrize(
        "path",
        [
            "/uploads/{token}",
            "/uploads/{token}.jpg",
            "/uploads/{token}.png/",
            "/uploads/{token}.png?x=1",
            "/uploads/{token}.png#x",
            "//uploads///{token}.png",
        ],
    )
    def test_f11_a_live_upload_is_known_whatever_surrounds_it(
        self, team: Team, upload: Upload, settings: Any, path: str
    ) -> None:
        url = settings.PUBLIC_URL + path.format(token=upload.token)
        asked = validated(team, generation_body(image_urls=[url]))
        assert asked.image_urls == (upload_url(upload),)

    @pytest.mark.parametrize(
        "origin",
        [
            "HTTP://dailies.test",
            "http://DAILIES.test",
            "http://dailies.test:80",
            "http://dailies.test.",
        ],
    )
    def test_p31_our_own_origin_is_known_however_it_is_written(
        self, team: Team, origin: str
    ) -> None:
        assert uploaded_token(f"{origin}/healthz") == ""
        refusal(team, generation_body(image_urls=[f"{origin}/healthz"]))

    def test_another_origin_is_not_ours(self) -> None:
        assert uploaded_token("https://dailies.test/uploads/x.png") is None
        assert uploaded_token("http://dailies.test:8000/uploads/x.png") is None
        assert uploaded_token("http://[broken/uploads/x.png") is None


def test_a_request_of_one_team_does_not_look_at_anothers(alice: Membership) -> None:
    upload = make_upload(alice)
    refusal(make_team("Other"), generation_body(image_urls=[upload_url(upload)]))
