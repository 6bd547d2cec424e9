"""Django's PostgreSQL backend, with health checks that cost less than the work they precede."""
