"""What a row remembers that is emailed to several people."""

from django.db import models


class MailedModel(models.Model):
    """Base of models whose rows are emailed; `accounts.notices.mailing` writes these columns."""

    # Set until everybody has their email; the sweep finds what the queue lost.
    next_mail_at = models.DateTimeField("next email at", null=True, blank=True)
    claimed_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Set while a worker emails it."
    )
    mail_attempts = models.PositiveSmallIntegerField("email attempts", default=0)
    mailed_to = models.JSONField(
        default=list, blank=True, help_text="IDs of the people emailed so far."
    )

    class Meta:
        abstract = True
