"""Our REST API: the vendor's page, with our keys."""
