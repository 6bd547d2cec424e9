"""How allauth signs people in here."""

from accounts.sign_in.links import password_link

__all__ = ["password_link"]
