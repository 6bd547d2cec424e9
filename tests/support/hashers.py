"""A password hasher for tests."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """Django's own with one round, so that a real server's settings can check its hashes too."""

    iterations = 1
