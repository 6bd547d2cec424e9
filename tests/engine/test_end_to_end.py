"""The whole site against its sandbox, over real HTTP: every scripted outcome, and the books after.

All jobs are submitted at once, as a busy team would; each test then looks at one of them.
"""

import json
import random
import time
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.site import Site
from tests.support.waiting import until

SCRIPTS = {
    "plain": "",
    "lost reply": "[sandbox:lost-reply]",
    "lost forever": "[sandbox:lost-reply][sandbox:callback=none]",
    "no callback": "[sandbox:callback=none]",
    "doubled": "[sandbox:callback=double]",
    "late": "[sandbox:callback=late]",
    "forged": "[sandbox:callback=forged]",
    "failed": "[sandbox:fail]",
    "refused": "[sandbox:refuse]",
    "rate-limited": "[sandbox:429=2]",
    "ill": "[sandbox:503=2]",
    "broken proxy": "[sandbox:500-bare]",
    "stuck": "[sandbox:stuck]",
    "without a link": "[sandbox:no-url]",
    "mislabelled": "[sandbox:wrong-metadata]",
    "dead link": "[sandbox:expired-link]",
    "cut off": "[sandbox:truncated]",
}
Jobs = dict[str, str]


@pytest.fixture(scope="module")
def jobs(site: Site) -> Jobs:
    """Submit everything; wait until nothing more is expected to change."""
    # One picture for all of them: directives are no part of a film, so it is rendered once.
    jobs = {name: site.submit(f"A quiet lake {script}") for name, script in SCRIPTS.items()}
    for name, task_id in jobs.items():
        if name not in {"lost forever", "broken proxy", "stuck", "cut off"}:
            site.ended(task_id, seconds=120)
    for name in ("lost forever", "broken proxy"):
        until(lambda name=name: site.state(jobs[name]) == "needs_review submit_unknown")  # type: ignore[misc]
    return jobs


def in_books(site: Site, name: str) -> list[dict[str, Any]]:
    """Return the vendor's tasks of one job."""
    prompt = f"A quiet lake {SCRIPTS[name]}"
    return [task for task in site.books()["tasks"] if task["prompt"] == prompt]


@pytest.mark.parametrize("name", ["plain", "no callback", "doubled", "late", "forged"])
def test_p30_callbacks_of_any_kind_lead_to_the_same_end(site: Site, jobs: Jobs, name: str) -> None:
    task = site.task(jobs[name])
    assert task["status"] == "completed"
    [url] = task["output"]["urls"]
    assert url.startswith(f"{site.url}/films/")
    film = httpx.get(url)
    assert (film.status_code, film.content[4:8]) == (200, b"ftyp")
    [upstream] = in_books(site, name)
    row = site.row(jobs[name])
    assert (row["state"], row["upstream_id"]) == ("completed", upstream["id"])
    assert [hold["settled"] for hold in hold_of(site, jobs[name])] == [12]
    if name == "no callback":
        assert receipts_of(site, jobs[name]) == []
    # One that comes before the reply to our POST is a proposal, until it is known whose id it has.
    until(lambda: all(row["verdict"] != "proposed" for row in receipts_of(site, jobs[name])))
    for receipt in receipts_of(site, jobs[name]):
        is_ours = receipt["proposed_id"] == upstream["id"]
        assert receipt["verdict"] == ("noted" if is_ours else "rejected")


def receipts_of(site: Site, task_id: str) -> list[Any]:
    return site.sql(
        "SELECT * FROM generations_callbackreceipt WHERE generation_id = ?", UUID(task_id).hex
    )


def hold_of(site: Site, task_id: str) -> list[Any]:
    return site.sql("SELECT * FROM billing_hold WHERE id = ?", site.row(task_id)["hold_id"])


def test_p30_a_late_callback_is_heard_and_changes_nothing(site: Site, jobs: Jobs) -> None:
    before = site.task(jobs["late"])
    until(lambda: receipts_of(site, jobs["late"]), seconds=60)
    assert site.task(jobs["late"]) == before
    assert [hold["settled"] for hold in hold_of(site, jobs["late"])] == [12]


def test_p22_an_accepted_job_whose_reply_was_lost_is_paid_once_and_found_again(
    site: Site, jobs: Jobs
) -> None:
    [upstream] = in_books(site, "lost reply")
    row = site.row(jobs["lost reply"])
    assert (row["state"], row["upstream_id"]) == ("completed", upstream["id"])
    moves = site.sql(
        "SELECT to_state FROM generations_generationevent"
        " WHERE generation_id = ? AND kind = 'moved' ORDER BY id",
        UUID(jobs["lost reply"]).hex,
    )
    assert [move["to_state"] for move in moves] == [
        "submitting",
        "needs_review",
        "processing",
        "completed",
    ]
    assert [hold["settled"] for hold in hold_of(site, jobs["lost reply"])] == [12]


@pytest.mark.parametrize(("name", "upstream"), [("lost forever", 1), ("broken proxy", 0)])
def test_p05_what_nobody_can_know_stays_held_for_review(
    site: Site, jobs: Jobs, name: str, upstream: int
) -> None:
    assert site.state(jobs[name]) == "needs_review submit_unknown"
    assert site.task(jobs[name])["status"] == "processing"
    assert [hold["closed_at"] for hold in hold_of(site, jobs[name])] == [None]
    assert len(in_books(site, name)) == upstream


@pytest.mark.parametrize(
    ("name", "code", "upstream"),
    [("failed", "upstream_error", 1), ("refused", "upstream_error", 0)],
)
def test_a_failure_is_refunded(site: Site, jobs: Jobs, name: str, code: str, upstream: int) -> None:
    task = site.task(jobs[name])
    assert (task["status"], task["error"]["code"]) == ("failed", code)
    assert [hold["released"] for hold in hold_of(site, jobs[name])] == [12]
    assert len(in_books(site, name)) == upstream


@pytest.mark.parametrize("name", ["rate-limited", "ill"])
def test_what_passes_is_tried_again_and_paid_once(site: Site, jobs: Jobs, name: str) -> None:
    assert site.task(jobs[name])["status"] == "completed"
    assert len(in_books(site, name)) == 1
    requeued = site.sql(
        "SELECT 1 FROM generations_generationevent WHERE generation_id = ? AND to_state = 'queued'",
        UUID(jobs[name]).hex,
    )
    assert len(requeued) == 2


def test_p29_a_completion_without_a_link_is_paid_and_flagged(site: Site, jobs: Jobs) -> None:
    task = site.task(jobs["without a link"])
    assert (task["status"], task["output"]["urls"]) == ("completed", [])
    assert task["output"]["film_lost"]
    assert [hold["settled"] for hold in hold_of(site, jobs["without a link"])] == [12]


def test_p19_a_mislabelled_film_is_kept_and_flagged(site: Site, jobs: Jobs) -> None:
    assert site.row(jobs["mislabelled"])["metadata_differs"] == 1
    # The film itself is what was requested.
    assert site.row(jobs["mislabelled"], "generations_film")["differs"] == ""


def test_p39_a_dead_link_ends_in_a_lost_film_that_is_told(site: Site, jobs: Jobs) -> None:
    task = site.task(jobs["dead link"])
    assert (task["status"], task["output"]["urls"]) == ("completed", [])
    assert "expired before" in task["output"]["film_lost"]


def test_p39_a_film_that_is_cut_off_is_never_taken_for_whole(site: Site, jobs: Jobs) -> None:
    until(lambda: site.row(jobs["cut off"], "generations_film").get("attempts", 0) >= 2)
    film = site.row(jobs["cut off"], "generations_film")
    assert (film["state"], film["sha256"]) == ("pending", "")
    assert site.task(jobs["cut off"])["status"] == "processing"
    assert not [name for name in site.stored_files() if UUID(jobs["cut off"]).hex in name]


def test_p13_a_stuck_job_is_polled_on_and_held(site: Site, jobs: Jobs) -> None:
    row = site.row(jobs["stuck"])
    assert (row["state"], row["polls"] > 0) == ("processing", True)
    assert [hold["closed_at"] for hold in hold_of(site, jobs["stuck"])] == [None]


def test_p36_a_spent_key_pauses_and_resumes_by_itself(site: Site, jobs: Jobs) -> None:
    task_id = site.submit("A quiet lake [sandbox:402]")
    assert site.ended(task_id, seconds=60)["status"] == "completed"
    actions = [
        row["action"] for row in site.sql("SELECT action FROM accounts_auditevent ORDER BY id")
    ]
    assert actions.index("provider_key.paused") < actions.index("provider_key.resumed")


def test_p23_p26_kills_at_random_moments_pay_nothing_twice(site: Site, jobs: Jobs) -> None:
    """The supervisor revives what is killed; what was cut off while submitting needs a review."""
    seed = random.randrange(10_000)
    dice = random.Random(seed)
    prompts = [f"A quiet lake [sandbox:chaos-{number}]" for number in range(12)]
    chaos = []
    for number, prompt in enumerate(prompts):
        chaos.append(site.submit(prompt))
        if number % 4 == 3:
            time.sleep(dice.random())
            for role in ("worker", "films"):
                site.kill(role)
            until(lambda: list(site._processes("worker")), seconds=60)

    def settled() -> bool:
        site.sql(
            "UPDATE generations_generation SET submitted_at = datetime('now', '-80 seconds')"
            " WHERE state = 'submitting' AND submitted_at < datetime('now', '-20 seconds')"
        )
        site.sql(
            "UPDATE generations_generation SET next_submit_at = datetime('now')"
            " WHERE state = 'queued' AND next_submit_at > datetime('now', '+20 seconds')"
        )
        site.sql(
            "UPDATE generations_generation SET next_poll_at = datetime('now')"
            " WHERE state = 'processing' AND next_poll_at > datetime('now', '+20 seconds')"
        )
        return all(site.row(one)["state"] in {"completed", "needs_review"} for one in chaos)

    until(settled, seconds=90, pause=0.5)
    tasks = [task["prompt"] for task in site.books()["tasks"]]
    for prompt, task_id in zip(prompts, chaos, strict=True):
        assert tasks.count(prompt) <= 1, f"paid twice, seed {seed}"
        if site.row(task_id)["state"] == "completed":
            assert tasks.count(prompt) == 1
    site.audit()


def all_books(site: Site) -> tuple[dict[str, Any], dict[str, Any], list[Any]] | None:
    """Return our sums, the vendor's books and our rows; None if anything moved meanwhile."""
    read = "SELECT state, upstream_id, credits FROM generations_generation ORDER BY id"
    rows, ours, theirs = site.sql(read), site.audit(), site.books()
    is_quiet = site.sql(read) == rows and site.books()["total_consumed"] == theirs["total_consumed"]
    return (ours, theirs, rows) if is_quiet else None


def test_p20_our_books_agree_with_the_vendors(site: Site, jobs: Jobs) -> None:
    ours, theirs, rows = until(lambda: all_books(site))
    assert ours["granted"] == ours["available"] + ours["held"] + ours["spent"]
    charged = {task["id"]: task["credits"] for task in theirs["tasks"] if not task["refunded"]}
    assert theirs["total_consumed"] == sum(charged.values())
    spent = sum(row["credits"] for row in rows if row["state"] == "completed")
    assert ours["spent"] == spent
    # What the vendor has charged and we have not settled is held, for it runs or needs a review.
    known = {row["upstream_id"] for row in rows if row["state"] == "completed"}
    assert known <= set(charged)
    assert sum(charged[task_id] for task_id in known) == spent
    assert sum(charged.values()) - spent <= ours["held"]


def test_p33_the_vendors_key_is_in_no_log_and_no_answer(site: Site, jobs: Jobs) -> None:
    answers = [json.dumps(site.task(task_id)) for task_id in jobs.values()] + [
        site.http.get("/v1/credits").text,
        site.manage("audit", "--json"),
        site.log("up"),
    ]
    assert "generation_ended" in site.log("up"), "the log is empty"
    assert not [answer for answer in answers if site.secret in answer]
    tables = site.sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    for table in tables:
        assert site.secret not in repr(site.sql(f"SELECT * FROM {table['name']}")), table


def test_the_schedules_are_in_place(site: Site, jobs: Jobs) -> None:
    schedules = {row["func"] for row in site.sql("SELECT func FROM django_q_schedule")}
    assert schedules == {"generations.ops.steps.sweep_step", "generations.ops.steps.clean_up_step"}
