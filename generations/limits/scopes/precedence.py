"""Which limit is asked first: of several without room, that one is named in the refusal."""

from typing import Any

from generations.limits.scopes.api_key import API_KEY
from generations.limits.scopes.base import Scope
from generations.limits.scopes.member import MEMBER
from generations.limits.scopes.own import OWN
from generations.limits.scopes.project import PROJECT
from generations.limits.scopes.provider_key import PROVIDER_KEY
from generations.limits.scopes.team import TEAM

# Narrowest first.
SCOPES: tuple[Scope[Any], ...] = (API_KEY, PROVIDER_KEY, PROJECT, OWN, MEMBER, TEAM)
