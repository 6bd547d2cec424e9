"""A bare Django project on the site's database and server: what pages and answers cost alone."""
