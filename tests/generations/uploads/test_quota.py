"""Uploads: refused by what is announced, bounded in number, and few decoded at once."""

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Team
from accounts.roles import Role
from generations.errors import TooManyUploads
from generations.models import Upload
from generations.portal.access import TEAM_HEADER
from generations.uploads.quota import (
    DECODED_AT_ONCE,
    MAX_LIVE_BYTES,
    MAX_LIVE_UPLOADS,
    decoding_slot,
)
from generations.uploads.service import store_upload
from platform_site.errors import Unavailable
from tests.factories import image_bytes, make_api_key, make_member
from tests.support.api import Api
from tests.support.uploads import make_upload
from tests.support.web import WebServer

FRAME = "/studio/frames/first_frame/"
MEGABYTES_30 = 30 * 1024 * 1024


def fill(membership: Membership, **fields: Any) -> None:
    """Give the team as many live uploads as it may have; `fields` as a row has them."""
    one = make_upload(membership, **fields)
    now = timezone.now()
    Upload.objects.bulk_create(
        Upload(
            team=one.team,
            user=one.user,
            file_name=one.file_name,
            content_type=one.content_type,
            size=one.size,
            width=1,
            height=1,
            created_at=now,
            expires_at=one.expires_at,
        )
        for _ in range(MAX_LIVE_UPLOADS - 1)
    )


def picture() -> ContentFile:  # type: ignore[type-arg]
    """Return a small picture as it is handed in."""
    return ContentFile(image_bytes("PNG"), name="a.png")


@pytest.mark.django_db
class TestQuota:
    def test_f17_a_team_has_so_many_live_uploads_and_no_more(
        self, alice: Membership, bob: Membership, charlie: Membership
    ) -> None:
        fill(alice)
        with pytest.raises(TooManyUploads) as caught:
            store_upload(picture(), by=By.member(bob), now=timezone.now())
        assert caught.value.details["limit"] == MAX_LIVE_UPLOADS
        assert store_upload(picture(), by=By.member(charlie), now=timezone.now())

    def test_f17_what_has_expired_does_not_count(self, alice: Membership) -> None:
        fill(alice, expires_at=timezone.now() - timedelta(seconds=1))
        assert store_upload(picture(), by=By.member(alice), now=timezone.now())

    def test_f17_bytes_count_too(self, alice: Membership) -> None:
        for _ in range(3):
            make_upload(alice, size=MAX_LIVE_BYTES // 3 + 1)
        with pytest.raises(TooManyUploads):
            store_upload(picture(), by=By.member(alice), now=timezone.now())

    def test_f17_the_api_says_when_there_is_room_and_the_studio_says_it_in_the_slot(
        self, alice: Membership
    ) -> None:
        fill(alice)
        reply = Api(make_api_key(alice).text).upload(picture())
        assert (reply.status_code, reply["x-should-retry"]) == (429, "false")
        assert 0 < int(reply["Retry-After"]) <= 3601
        assert reply.json()["error"]["code"] == "upload_limit_exceeded"
        client = Client(headers={TEAM_HEADER: alice.team.slug})
        client.force_login(alice.user)
        page = client.post(FRAME, {"first_frame_file": picture()})
        assert "reached its limit of uploaded images" in page.content.decode()


def test_f17_few_pictures_are_decoded_at_once_and_who_waits_too_long_may_come_again() -> None:
    with ThreadPoolExecutor(1) as other:

        def third() -> None:
            with decoding_slot(wait_seconds=0.01):
                pass

        slots = [decoding_slot(wait_seconds=0.01) for _ in range(DECODED_AT_ONCE)]
        for slot in slots:
            slot.__enter__()
        with pytest.raises(Unavailable) as caught:
            other.submit(third).result()
        assert caught.value.retry_seconds
        for slot in slots:
            slot.__exit__(None, None, None)
        other.submit(third).result()


@pytest.mark.django_db(transaction=True)
class TestBeforeTheBodyComes:
    """Against the real web server: only the head is sent, and the answer comes all the same."""

    def answer(self, web: WebServer, path: str, **headers: str) -> bytes:
        """Send the head of an upload of 30 MB; return the beginning of the answer."""
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {MEGABYTES_30}"]
        kind = {"Content_Type": "multipart/form-data; boundary=b", **headers}
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in kind.items()]
        with socket.create_connection(web.address, timeout=10) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            connection.settimeout(10)
            return connection.recv(65_536)

    def is_waiting(self, web: WebServer, path: str, **headers: str) -> bool:
        """Return whether the server asks for the body."""
        return self.answer(web, path, Expect="100-continue", **headers).startswith(
            b"HTTP/1.1 100 Continue"
        )

    def test_f17_a_stranger_sends_no_picture(self, web: WebServer, alice: Membership) -> None:
        for key in ("", "Bearer sk-unknown", "Basic abc"):
            said = self.answer(web, "/v1/uploads", Authorization=key)
            assert said.startswith(b"HTTP/1.1 401 ")
            assert b'"invalid_api_key"' in said

    def test_f17_a_key_that_may_not_order_sends_none(self, web: WebServer, team: Team) -> None:
        viewer = make_api_key(make_member(team, Role.VIEWER)).text
        said = self.answer(web, "//v1/uploads/", Authorization=f"Bearer {viewer}")
        assert said.startswith(b"HTTP/1.1 403 ")

    def test_f17_a_key_beyond_its_rate_sends_none(self, web: WebServer, alice: Membership) -> None:
        spent = make_api_key(alice, requests_per_minute=0).text
        said = self.answer(web, "/v1/uploads", Authorization=f"Bearer {spent}")
        assert said.startswith(b"HTTP/1.1 429 ")

    def test_f17_a_team_with_too_many_sends_none(self, web: WebServer, alice: Membership) -> None:
        fill(alice)
        key = make_api_key(alice).text
        said = self.answer(web, "/v1/uploads", Authorization=f"Bearer {key}")
        assert said.startswith(b"HTTP/1.1 429 ")
        assert b'"upload_limit_exceeded"' in said

    def test_f17_what_is_no_form_is_not_read(self, web: WebServer, alice: Membership) -> None:
        key = f"Bearer {make_api_key(alice).text}"
        said = self.answer(
            web, "/v1/uploads", Authorization=key, Content_Type="application/octet-stream"
        )
        assert said.startswith(b"HTTP/1.1 400 ")
        assert b"multipart/form-data" in said

    def test_f17_who_may_is_asked_for_the_body(self, web: WebServer, alice: Membership) -> None:
        assert self.is_waiting(
            web, "/v1/uploads", Authorization=f"Bearer {make_api_key(alice).text}"
        )

    def test_f17_an_upload_counts_once_in_its_keys_minute(
        self, web: WebServer, alice: Membership
    ) -> None:
        issued = make_api_key(alice, requests_per_minute=1_000)
        reply = httpx.post(
            f"{web.url}/v1/uploads",
            files={"file": ("a.bmp", image_bytes("BMP"))},
            headers={"Authorization": f"Bearer {issued.text}"},
            trust_env=False,
            timeout=30,
        )
        assert reply.status_code == 200
        issued.key.refresh_from_db()
        assert issued.key.minute_requests == 1

    def test_f17_the_studio_takes_frames_of_members_alone(
        self, web: WebServer, alice: Membership, team: Team
    ) -> None:
        nobody = self.answer(web, FRAME)
        assert nobody.startswith((b"HTTP/1.1 302 ", b"HTTP/1.1 403 "))
        for membership, waits in ((alice, True), (make_member(team, Role.VIEWER), False)):
            client = Client()
            client.force_login(membership.user)
            cookie = f"sessionid={client.cookies['sessionid'].value}"
            assert self.is_waiting(web, FRAME, Cookie=cookie) is waits

    def test_f17_a_frame_of_megabytes_is_still_taken(
        self, web: WebServer, alice: Membership
    ) -> None:
        client = Client()
        client.force_login(alice.user)
        cookies = {"sessionid": client.cookies["sessionid"].value}
        with httpx.Client(base_url=web.url, cookies=cookies, trust_env=False, timeout=30) as http:
            http.get("/")
            token = {
                "X-CSRFToken": http.cookies["csrftoken"],
                TEAM_HEADER: alice.team.slug,
            }
            large = image_bytes("BMP", (1200, 800))
            page = http.post(FRAME, files={"first_frame_file": ("a.bmp", large)}, headers=token)
            assert page.status_code == 200, page.text
            assert "/uploads/" in page.text
            fill(alice)
            page = http.post(FRAME, files={"first_frame_file": ("a.bmp", large)}, headers=token)
            assert "reached its limit of uploaded images" in page.text

    def test_f17_whose_session_has_ended_is_sent_to_sign_in(
        self, web: WebServer, alice: Membership
    ) -> None:
        with httpx.Client(base_url=web.url, trust_env=False, timeout=30) as http:
            http.get("/accounts/login/")
            headers = {"X-CSRFToken": http.cookies["csrftoken"], "HX-Request": "true"}
            large = image_bytes("BMP", (1200, 800))
            page = http.post(FRAME, files={"first_frame_file": ("a.bmp", large)}, headers=headers)
            assert page.status_code == 204
            assert page.headers["HX-Redirect"].startswith("/accounts/login/")
