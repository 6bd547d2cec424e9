"""What a row remembers whose news is mailed to several people."""

from django.db import models


class MailedModel(models.Model):
    """Base of models whose rows are mailed; `accounts.notices.mailing` writes these columns."""

    # Set until everybody has their email; the sweep finds what the queue lost.
    next_mail_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="while a worker mails it"
    )
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mailed_to = models.JSONField(
        default=list, blank=True, help_text="ids of who was written to, so that nobody is twice"
    )

    class Meta:
        abstract = True
