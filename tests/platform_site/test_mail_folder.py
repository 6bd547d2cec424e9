"""Mails of an installation without a mail server (F17)."""

import os
import stat
import subprocess
import sys
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from django.core.mail import EmailMessage, send_mail
from django.utils import timezone
from pytest_django import Settings

from platform_site.mail_folder import prune_written_mails

ROOT = Path(__file__).resolve().parents[2]
LINK = "https://dailies.test/approvals/" + "s3cr3t-t0ken-" * 4


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    settings.EMAIL_BACKEND = settings.FOLDER_MAIL
    return tmp_path / "mail"


def test_f17_a_mail_is_a_file_that_its_user_alone_reads(
    folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    assert send_mail("Approve this", f"Follow {LINK}", None, ["mona@studio.example"]) == 1
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    written = message_from_bytes(file.read_bytes())
    assert (written["Subject"], written["To"]) == ("Approve this", "mona@studio.example")
    assert LINK in str(written.get_payload(decode=True))
    said = caplog.text + "".join(capfd.readouterr())
    assert file.name in said
    for secret in ("s3cr3t", "mona@", "Approve this"):
        assert secret not in said


def test_f17_a_disk_that_takes_no_mail_is_an_error_that_senders_know(folder: Path) -> None:
    folder.write_text("no folder")
    with pytest.raises(OSError, match="mail"):
        EmailMessage("Subject", "Body", to=["mona@studio.example"]).send()


def test_f17_mails_that_nobody_fetched_are_deleted_after_a_month(folder: Path) -> None:
    for _ in range(2):
        send_mail("Subject", "Body", None, ["mona@studio.example"])
    old, new = sorted(folder.iterdir())
    then = (timezone.now() - timedelta(days=31)).timestamp()
    os.utime(old, (then, then))
    assert prune_written_mails(now=timezone.now()) == 1
    assert list(folder.iterdir()) == [new]


@pytest.mark.parametrize(
    ("given", "backend"),
    [
        ("", "platform_site.mail_folder.FolderMail"),
        ("smtp://mail.example:25", "django.core.mail.backends.smtp.EmailBackend"),
        ("console:", "django.core.mail.backends.console.EmailBackend"),
    ],
)
def test_f17_who_names_no_server_gets_the_folder(tmp_path: Path, given: str, backend: str) -> None:
    code = "from django.conf import settings; print(settings.EMAIL_BACKEND)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            "PATH": os.defpath,
            "DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "platform_site.settings",
            "EMAIL_URL": given,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == backend
