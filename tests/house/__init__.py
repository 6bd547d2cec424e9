"""The house lint: rules of this project's own. It reads the files and imports none of them."""
