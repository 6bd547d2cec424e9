"""Run a module of this folder with Django set up: `python -m … MODULE …`."""

import os
import sys
from importlib import import_module

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_site.settings")
    django.setup()
    import_module(f"tests.bench.polling.{sys.argv[1]}").main(*sys.argv[2:])
