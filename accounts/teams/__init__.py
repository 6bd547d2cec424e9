"""Teams and their members."""

from accounts.teams.service import create_team, enter_team, set_role

__all__ = ["create_team", "enter_team", "set_role"]
