"""People. They sign in with an email address."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    """Creates users by email address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person; without a password they can only set one by email."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an administrator of the whole installation."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by address, whatever its case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """One person; what they may do is decided by their membership in a team."""

    email = models.EmailField("email", max_length=254, unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(
        "active",
        default=True,
        help_text="When off, they cannot sign in and their API keys do not work.",
    )
    is_staff = models.BooleanField("administrator", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]
        ordering = ["email"]
        verbose_name = "person"
        verbose_name_plural = "people"

    def __str__(self) -> str:
        """Show the address."""
        return self.email

    def get_full_name(self) -> str:
        """Return the name, or the address's first part."""
        return self.name or self.email.partition("@")[0]

    def get_short_name(self) -> str:
        """Return the first name."""
        return self.get_full_name().split(" ")[0]
