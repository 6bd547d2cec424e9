"""Uploads as rows, whose files nobody opens."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Membership
from generations.models import Upload


def make_upload(membership: Membership, **fields: Any) -> Upload:
    """Create an upload's row; its file is not needed here."""
    upload = Upload(
        team=membership.team,
        user=membership.user,
        content_type="image/png",
        size=1000,
        width=640,
        height=360,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    upload.file_name = f"ab/{upload.token}.png"
    for name, value in fields.items():
        setattr(upload, name, value)
    upload.save()
    return upload
