"""The feed: what a page that stays open asks for what has changed on it."""
