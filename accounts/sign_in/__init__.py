"""How allauth signs people in here."""
