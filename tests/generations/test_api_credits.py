"""`GET /v1/credits`."""

from tests.support.api import Api


def test_the_balance_is_what_is_available(api: Api) -> None:
    api.accepted()
    reply = api.get("/v1/credits")
    assert reply.status_code == 200
    assert reply.json() == {
        "code": 200,
        "msg": "success",
        "data": {"balance": 930, "total_purchased": 1000, "total_consumed": 0, "held": 70},
    }
