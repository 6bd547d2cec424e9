"""`POST /v1/uploads`, the links it gives, and `store_upload`'s rules for images."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.authority import By
from accounts.models import Membership
from billing.models import Hold
from generations.dispatch.cancel import cancel_generation
from generations.models import Generation, ProviderKey, Upload
from generations.ordering.submit import submit_generation
from generations.uploads.service import delete_expired_uploads, store_upload, upload_storage
from platform_site.errors import InvalidRequest
from tests.factories import image_bytes, make_api_key, make_member, make_request
from tests.support.api import Api

pytestmark = pytest.mark.django_db


def file_of(content: bytes, name: str = "frame.png") -> SimpleUploadedFile:
    """Return an uploaded file; nothing believes its name or type."""
    return SimpleUploadedFile(name, content, content_type="application/octet-stream")


def refused(membership: Membership, content: bytes) -> str:
    """Store an image that must be refused; return why."""
    with pytest.raises(InvalidRequest) as caught:
        store_upload(file_of(content), by=By.member(membership), now=timezone.now())
    assert caught.value.field == "file"
    assert not Upload.objects.exists()
    return caught.value.message


def path_of(reply: Any) -> str:
    """Return the path of the link in an answer."""
    url: str = reply.json()["data"]["url"]
    assert url.startswith("http://dailies.test/uploads/")
    return url.removeprefix("http://dailies.test")


class TestEndpoint:
    def test_the_answer_is_a_link_in_the_vendors_envelope(self, api: Api) -> None:
        reply = api.upload(file_of(image_bytes("PNG")))
        assert reply.status_code == 200
        body = reply.json()
        assert (body["code"], body["msg"]) == (200, "success")
        upload = Upload.objects.get()
        assert body["data"]["url"] == f"http://dailies.test/uploads/{upload.token}.png"
        assert len(upload.token) >= 43  # 256 bits

    def test_the_link_shows_the_image_without_a_key(self, api: Api) -> None:
        content = image_bytes("PNG")
        reply = Client().get(path_of(api.upload(file_of(content))))
        assert reply.status_code == 200
        assert reply["Content-Type"] == "image/png"
        assert reply["X-Content-Type-Options"] == "nosniff"
        assert reply.getvalue() == content

    def test_the_link_expires(self, api: Api) -> None:
        path = path_of(api.upload(file_of(image_bytes("PNG"))))
        assert Client().head(path).status_code == 200
        Upload.objects.update(expires_at=timezone.now())
        assert Client().head(path).status_code == 404

    def test_another_ending_or_token_shows_nothing(self, api: Api) -> None:
        path = path_of(api.upload(file_of(image_bytes("PNG"))))
        for wrong in (path.replace(".png", ".jpg"), path.replace(".png", "x.png"), path + "/x"):
            assert Client().head(wrong).status_code == 404

    def test_the_link_can_be_the_frame_of_a_film(self, api: Api) -> None:
        url = api.upload(file_of(image_bytes("PNG"))).json()["data"]["url"]
        generation = Generation.objects.get(pk=api.accepted(image_urls=[url, {"url": url}]))
        assert generation.body["input"]["image_urls"] == [url, url]

    def test_p32_a_stranger_cannot_use_it(self, api: Api, stranger_api: Api) -> None:
        url = api.upload(file_of(image_bytes("PNG"))).json()["data"]["url"]
        theirs = stranger_api.generate(image_urls=[url])
        token = Upload.objects.get().token
        nobodys = stranger_api.generate(image_urls=[url.replace(token, "x" * len(token))])
        assert (theirs.status_code, nobodys.status_code) == (400, 400)
        assert theirs.content == nobodys.content

    def test_a_colleague_can(self, api: Api, bob: Membership) -> None:
        url = api.upload(file_of(image_bytes("PNG"))).json()["data"]["url"]
        assert Api(make_api_key(bob).text).generate(image_urls=[url]).status_code == 200

    def test_a_job_keeps_its_frames_alive(self, api: Api) -> None:
        url = api.upload(file_of(image_bytes("PNG"))).json()["data"]["url"]
        Upload.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
        api.accepted(image_urls=[url])
        assert Upload.objects.get().expires_at > timezone.now() + timedelta(hours=47)

    def test_f02_a_frame_lives_while_a_generation_needs_it(
        self, api: Api, alice: Membership
    ) -> None:
        url = api.upload(file_of(image_bytes("PNG"))).json()["data"]["url"]
        generation = Generation.objects.get(pk=api.accepted(image_urls=[url]))
        a_week_later = timezone.now() + timedelta(days=7)
        Upload.objects.update(expires_at=timezone.now() - timedelta(days=5))
        assert delete_expired_uploads(now=a_week_later) == 0
        assert Client().head(url).status_code == 200
        cancel_generation(generation, by=By.member(alice), now=timezone.now())
        assert Client().head(url).status_code == 404
        assert delete_expired_uploads(now=a_week_later) == 1

    def test_f02_a_frame_that_another_generation_needs_can_be_used_again(self, api: Api) -> None:
        url = api.upload(file_of(image_bytes("PNG"))).json()["data"]["url"]
        api.accepted(image_urls=[url])
        Upload.objects.update(expires_at=timezone.now())
        api.accepted(image_urls=[url])
        assert Upload.objects.get().generations.count() == 2

    def test_f02_a_frame_cleared_away_while_one_submits_is_refused_and_nothing_is_held(
        self, api: Api, alice: Membership
    ) -> None:
        url = api.upload(file_of(image_bytes("PNG"))).json()["data"]["url"]
        request = make_request(alice.team, image_urls=[url])
        Upload.objects.update(expires_at=timezone.now())
        assert delete_expired_uploads(now=timezone.now()) == 1
        with pytest.raises(InvalidRequest, match="Upload it again"):
            submit_generation(request, by=By.member(alice), now=timezone.now())
        assert not Generation.objects.exists()
        assert not Hold.objects.exists()

    def test_uploading_twice_makes_two_links(self, api: Api) -> None:
        content = image_bytes("PNG")
        assert path_of(api.upload(file_of(content))) != path_of(api.upload(file_of(content)))

    def test_viewers_do_not_upload(self, alice: Membership, provider_key: ProviderKey) -> None:
        viewer = make_member(alice.team, "viewer")
        reply = Api(make_api_key(viewer).text).upload(file_of(image_bytes("PNG")))
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "permission_denied")

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"file": "text, no file"},
            {"image": SimpleUploadedFile("a.png", b"x")},
            {f"f{n}": "x" for n in range(1100)},
            {f"f{n}": SimpleUploadedFile("a", b"x") for n in range(110)},
        ],
        ids=["nothing", "text", "another name", "too many fields", "too many files"],
    )
    def test_the_image_comes_in_the_field_file(self, api: Api, data: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {api.key}"}
        reply = api.http.post("/v1/uploads", data, headers=headers)
        assert reply.status_code == 400, reply.content
        assert reply.json()["error"]["code"] == "invalid_request"

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("application/json", b"{}"),
            ("image/png", b"\x89PNG"),
            ("multipart/form-data", b"x"),
            ("multipart/form-data; boundary=x", b"--x\r\nno multipart"),
            ("multipart/form-data; boundary=" + "x" * 300, b"x"),
            ("multipart/form-data; boundary=é", b"x"),
            ("multipart/form-data; boundary=x", b""),
        ],
    )
    def test_the_body_is_multipart(self, api: Api, content_type: str, body: bytes) -> None:
        headers = {"Authorization": f"Bearer {api.key}"}
        reply = api.http.post("/v1/uploads", body, content_type=content_type, headers=headers)
        assert reply.status_code == 400
        assert reply.json()["error"]["code"] == "invalid_request"

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a\0.png", "x" * 5000 + ".png", "猫.png"])
    def test_the_files_own_name_is_forgotten(self, api: Api, name: str) -> None:
        boundary = b"limit"
        part = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body = b"--limit\r\n" + part + image_bytes("PNG") + b"\r\n--limit--\r\n"
        reply = api.http.post(
            "/v1/uploads",
            body,
            content_type=f"multipart/form-data; boundary={boundary.decode()}",
            headers={"Authorization": f"Bearer {api.key}"},
        )
        assert reply.status_code in (200, 400)
        if reply.status_code == 200:
            upload = Upload.objects.get()
            assert upload.file_name == f"{upload.token[:2]}/{upload.token}.png"


class TestRules:
    """docs/vendor.md: formats, 300 to 6000 px a side, width ÷ height 0.4 to 2.5, at most 30 MB."""

    @pytest.mark.parametrize(
        ("kind", "content_type", "ending"),
        [
            ("JPEG", "image/jpeg", "jpg"),
            ("PNG", "image/png", "png"),
            ("WEBP", "image/webp", "webp"),
            ("BMP", "image/bmp", "bmp"),
            ("GIF", "image/gif", "gif"),
        ],
    )
    def test_the_formats_that_browsers_show_are_known_by_their_content(
        self, alice: Membership, kind: str, content_type: str, ending: str
    ) -> None:
        content = image_bytes(kind, (640, 360))
        upload = store_upload(file_of(content, "lies.txt"), by=By.member(alice), now=timezone.now())
        assert upload.content_type == content_type
        assert upload.file_name.endswith(f".{ending}")
        assert (upload.width, upload.height, upload.size) == (640, 360, len(content))
        assert upload_storage().open(upload.file_name).read() == content

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
    def test_any_colour_mode(self, alice: Membership, mode: str) -> None:
        content = image_bytes("PNG", (300, 300), mode)
        assert store_upload(file_of(content), by=By.member(alice), now=timezone.now()).pk

    @pytest.mark.parametrize("size", [(300, 300), (6000, 2400), (2400, 6000), (300, 750)])
    def test_sizes_at_the_edge(self, alice: Membership, size: tuple[int, int]) -> None:
        content = image_bytes("PNG", size, "1")
        assert store_upload(file_of(content), by=By.member(alice), now=timezone.now()).pk

    @pytest.mark.parametrize(
        ("size", "words"),
        [
            ((299, 300), "each side must have 300 to 6000"),
            ((300, 299), "each side must have 300 to 6000"),
            ((6001, 3000), "each side must have 300 to 6000"),
            ((751, 300), "width ÷ height must be 0.4 to 2.5"),
            ((300, 751), "width ÷ height must be 0.4 to 2.5"),
            ((1, 1), "each side must have 300 to 6000"),
        ],
    )
    def test_sizes_beyond_it(self, alice: Membership, size: tuple[int, int], words: str) -> None:
        message = refused(alice, image_bytes("PNG", size, "1"))
        assert words in message
        assert f"{size[0]}×{size[1]}" in message

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"text",
            b"%PDF-1.7",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='640' height='360'/>",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff",
            b"GIF89a",
            b"BM",
            b"II*\0",
            b"RIFF\0\0\0\0WEBP",
        ],
    )
    def test_what_is_no_image(self, alice: Membership, content: bytes) -> None:
        assert "image" in refused(alice, content).lower()

    @pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA"])
    def test_formats_that_the_vendor_does_not_read(self, alice: Membership, kind: str) -> None:
        refused(alice, image_bytes(kind, (300, 300)))

    def test_more_than_30_mb(self, alice: Membership) -> None:
        content = image_bytes("PNG") + b"\0" * (30 * 1024 * 1024)
        assert "30 MB" in refused(alice, content)


class TestClearingAway:
    def test_an_expired_upload_goes_with_its_file_and_a_live_one_stays(
        self, alice: Membership
    ) -> None:
        now = timezone.now()
        old = store_upload(
            file_of(image_bytes("PNG")), by=By.member(alice), now=now - timedelta(hours=48)
        )
        live = store_upload(file_of(image_bytes("PNG")), by=By.member(alice), now=now)
        assert delete_expired_uploads(now=now) == 1
        assert delete_expired_uploads(now=now) == 0
        assert list(Upload.objects.all()) == [live]
        assert not upload_storage().exists(old.file_name)
        assert upload_storage().exists(live.file_name)

    def test_a_file_that_is_gone_already_does_not_stop_it(self, alice: Membership) -> None:
        now = timezone.now()
        old = store_upload(
            file_of(image_bytes("PNG")), by=By.member(alice), now=now - timedelta(hours=48)
        )
        upload_storage().delete(old.file_name)
        assert delete_expired_uploads(now=now) == 1


def test_a_form_too_long_for_any_image_is_refused_before_it_is_stored(
    api: Api, tmp_path: Path, settings: Settings
) -> None:
    """What is refused for its length alone must not fill the disk on the way."""
    # Whatever is written to this folder ends in an error: it does not exist.
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "missing")
    reply = api.upload(file_of(b"\0" * (31 * 1024 * 1024)))
    assert reply.status_code == 400
    assert "30 MB" in reply.json()["error"]["message"]
