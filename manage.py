#!/usr/bin/env python
"""Django's command line for Dailies."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_site.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
