"""Following what was sent: polls, callbacks, and when each job is looked at."""
