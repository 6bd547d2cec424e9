"""Drafts: what is kept of what somebody types, for whom, and for how long."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership
from accounts.roles import Role
from generations.drafts import reads, service
from generations.drafts.reads import draft_for, earlier_prompts, last_settings, unfinished_drafts
from generations.drafts.service import (
    DraftContent,
    PageState,
    discard_draft,
    mark_sent,
    prune_drafts,
    save_draft,
    sent_before,
)
from generations.models import Draft, ProviderKey, Upload
from generations.uploads.links import upload_url
from generations.uploads.service import delete_expired_uploads, store_upload, upload_storage
from platform_site.errors import InvalidRequest, PermissionDenied
from tests.factories import image_bytes, make_generation, make_member

pytestmark = pytest.mark.django_db


def save(
    membership: Membership,
    prompt: str = "A quiet lake",
    *,
    token: str = "",
    page: str = "",
    based_on: str = "",
    sequence: int = 0,
    **content: object,
) -> Draft:
    """Save a draft as a page of the studio does; without a `token` another page's, of another."""
    token = token or str(uuid4())
    return save_draft(
        token,
        DraftContent(prompt=prompt, **content),  # type: ignore[arg-type]
        state=PageState(page or f"page-{token[:8]}", based_on, sequence),
        by=By.member(membership),
        now=timezone.now(),
    )


def test_what_is_typed_is_kept_for_a_person_and_team(bob: Membership) -> None:
    saved = save(bob, settings={"duration": "7"}, first_frame="https://a.example/1.png")
    draft = draft_for(bob.user, str(saved.token))
    assert draft is not None
    assert (draft.team, draft.prompt, draft.settings) == (
        bob.team,
        "A quiet lake",
        {"duration": "7"},
    )
    assert draft.first_frame == "https://a.example/1.png"


def test_each_save_of_a_page_is_the_same_draft(bob: Membership) -> None:
    saved = save(bob, "A", sequence=1)
    assert save(bob, "A quiet", token=str(saved.token), sequence=2) == saved
    assert Draft.objects.get().prompt == "A quiet"


def test_a_save_that_arrives_late_changes_nothing(bob: Membership) -> None:
    saved = save(bob, "A quiet lake", sequence=5)
    save(bob, "A quiet", token=str(saved.token), sequence=4)
    assert Draft.objects.get().prompt == "A quiet lake"


def test_f03_a_reloaded_page_goes_on_with_the_draft(bob: Membership) -> None:
    saved = save(bob, "A quiet", page="before", sequence=9)
    token = str(saved.token)
    assert save(bob, "A quiet lake", token=token, page="after", based_on="before") == saved
    assert Draft.objects.get().prompt == "A quiet lake"


def test_f03_a_duplicated_tab_gets_a_draft_of_its_own(bob: Membership) -> None:
    first = save(bob, "A lake", page="first")
    token = str(first.token)
    second = save(bob, "A river", token=token, page="second", based_on="first")
    third = save(bob, "A sea", token=token, page="first", sequence=2)
    assert second == first
    assert third != first
    assert third.token != first.token
    assert third.idempotency_key != first.idempotency_key
    assert set(Draft.objects.values_list("prompt", flat=True)) == {"A river", "A sea"}


def test_a_duplicated_tab_that_was_not_told_yet_gets_no_second_draft(bob: Membership) -> None:
    token = str(save(bob, page="first").token)
    save(bob, token=token, page="second", based_on="first")
    own = save(bob, "A sea", token=token, page="first", sequence=2)
    assert save(bob, "A sea at night", token=token, page="first", sequence=3) == own
    assert Draft.objects.count() == 2


def test_p32_another_persons_token_is_as_unknown_as_any(
    bob: Membership, charlie: Membership
) -> None:
    theirs = save(charlie, "A secret")
    token = str(theirs.token)
    assert draft_for(bob.user, token) is None
    mine = save(bob, "Mine", token=token)
    assert (mine.token, mine.user) == (theirs.token, bob.user)
    theirs.refresh_from_db()
    assert theirs.prompt == "A secret"
    discard_draft(token, by=By.member(bob))
    assert Draft.objects.get() == theirs


def test_a_draft_of_one_team_is_not_written_into_from_another(
    bob: Membership, charlie: Membership
) -> None:
    other = make_member(charlie.team, Role.MEMBER, user=bob.user)
    saved = save(bob, "For the studio")
    moved = save(other, "For the others", token=str(saved.token))
    assert moved != saved
    assert (moved.team, unfinished_drafts(other)) == (charlie.team, [moved])
    assert unfinished_drafts(bob) == [saved]


def test_p03_a_viewer_drafts_nothing(bob: Membership) -> None:
    viewer = make_member(bob.team, Role.VIEWER)
    with pytest.raises(PermissionDenied):
        save(viewer)
    assert not Draft.objects.exists()


def test_a_draft_holds_so_much_and_no_more(bob: Membership) -> None:
    save(bob, "x" * 15_000)  # more than a prompt may have, and not lost
    for content in (
        {"settings": {str(one): "" for one in range(61)}},
        {"last_frame": "x" * 41_000},
    ):
        with pytest.raises(InvalidRequest):
            save(bob, **content)
    assert Draft.objects.count() == 1


def test_a_character_that_no_database_takes_is_left_out(bob: Membership) -> None:
    saved = save(bob, "A\0lake", settings={"seed": "\0"}, first_frame="\0")
    saved.refresh_from_db()
    assert (saved.prompt, saved.settings, saved.first_frame) == ("Alake", {"seed": ""}, "")


def test_the_oldest_draft_makes_way(
    bob: Membership, alice: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 2)
    others = save(alice)
    first, *rest = [save(bob, str(number)) for number in range(3)]
    assert set(Draft.objects.all()) == {others, *rest}
    assert first not in Draft.objects.all()


def test_drafts_are_forgotten_after_a_month(bob: Membership) -> None:
    now = timezone.now()
    old, young = save(bob, "Old"), save(bob, "Young")
    Draft.objects.filter(pk=old.pk).update(saved_at=now - service.LIFE - timedelta(minutes=1))
    assert prune_drafts(now=now) == 1
    assert Draft.objects.get() == young


def test_settings_are_remembered_for_longer_than_what_was_typed(bob: Membership) -> None:
    file = SimpleUploadedFile("frame.png", image_bytes("PNG"))
    upload = store_upload(file, by=By.member(bob), now=timezone.now())
    save(bob, "An earlier one")
    save(bob, first_frame=upload_url(upload), settings={"duration": "9"})
    later = timezone.now() + service.LIFE + timedelta(days=1)
    assert prune_drafts(now=later) == 2
    assert prune_drafts(now=later) == 0
    assert (unfinished_drafts(bob), last_settings(bob)) == ([], {"duration": "9"})
    assert delete_expired_uploads(now=later) == 1


def test_an_upload_lives_as_long_as_the_draft_it_is_in(bob: Membership) -> None:
    file = SimpleUploadedFile("frame.png", image_bytes("PNG"))
    upload = store_upload(file, by=By.member(bob), now=timezone.now())
    saved = save(bob, first_frame=upload_url(upload))
    later = timezone.now() + timedelta(days=20)
    assert delete_expired_uploads(now=later) == 0
    assert Upload.objects.live(later).get() == upload
    save(bob, token=str(saved.token), sequence=1)  # without the frame
    assert delete_expired_uploads(now=later) == 1
    assert not upload_storage().exists(upload.file_name)


def test_another_teams_upload_is_not_kept_by_a_draft(bob: Membership, charlie: Membership) -> None:
    file = SimpleUploadedFile("frame.png", image_bytes("PNG"))
    theirs = store_upload(file, by=By.member(charlie), now=timezone.now())
    save(bob, first_frame=upload_url(theirs))
    assert delete_expired_uploads(now=timezone.now() + timedelta(days=3)) == 1


class TestSending:
    def test_p41_a_draft_that_was_sent_gets_another_idempotency_key(self, bob: Membership) -> None:
        saved = save(bob, key="studio-first")
        assert saved.idempotency_key == "studio-first"
        sent = mark_sent(saved, now=timezone.now())
        assert sent.idempotency_key != "studio-first"
        assert Draft.objects.get().idempotency_key == sent.idempotency_key

    def test_a_used_key_names_the_teams_generation(
        self, bob: Membership, charlie: Membership, provider_key: ProviderKey
    ) -> None:
        generation = make_generation(bob)
        generation.idempotency_key = "studio-used"
        generation.save(update_fields=["idempotency_key"])
        assert sent_before(bob, "studio-used") == generation
        assert sent_before(charlie, "studio-used") is None
        assert sent_before(bob, "studio-other") is None

    def test_what_was_sent_is_finished_until_somebody_types_again(self, bob: Membership) -> None:
        saved = save(bob)
        mark_sent(saved, now=timezone.now())
        assert unfinished_drafts(bob) == []
        save(bob, "A loud lake", token=str(saved.token), sequence=1)
        assert unfinished_drafts(bob) == [saved]


def test_the_newest_unfinished_drafts_are_offered(
    bob: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "MOST_UNFINISHED", 2)
    drafts = [save(bob, str(number)) for number in range(3)]
    save(bob, "")  # nothing in it
    assert unfinished_drafts(bob) == [drafts[2], drafts[1]]


def test_the_last_settings_are_those_of_the_team(bob: Membership, charlie: Membership) -> None:
    other = make_member(charlie.team, Role.MEMBER, user=bob.user)
    save(bob, settings={"duration": "5"})
    save(bob, settings={"duration": "9"})
    assert last_settings(bob) == {"duration": "9"}
    assert last_settings(other) == {}


def test_earlier_prompts_are_ones_own_of_the_team_newest_first(
    bob: Membership, alice: Membership, provider_key: ProviderKey
) -> None:
    for prompt in ("A lake", "A river", "A lake"):
        make_generation(bob, prompt=prompt)
    make_generation(alice, prompt="Nobody else's")
    assert earlier_prompts(bob) == ["A lake", "A river"]
