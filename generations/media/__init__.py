"""Look into kept films, in a child process that can be killed and has limits."""
