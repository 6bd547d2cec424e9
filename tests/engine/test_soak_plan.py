"""The plan of `make soak`: its seed alone makes it, and nothing that can happen is left out."""

from sandbox.directives import DIRECTIVES, script_of
from tests.soak.plan import Door, Kind, make_plan, number_of


def test_a_seed_makes_one_plan() -> None:
    assert make_plan(seed=7, jobs=120, kills=12) == make_plan(seed=7, jobs=120, kills=12)
    assert make_plan(seed=7, jobs=120, kills=12) != make_plan(seed=8, jobs=120, kills=12)


def test_every_fault_blow_and_door_comes_at_least_once() -> None:
    plan = make_plan(seed=7, jobs=120, kills=12)
    met = {name for job in plan.jobs for name, _ in script_of(job.prompt).steps}
    assert met >= set(DIRECTIVES)
    assert {blow.kind for blow in plan.blows} == set(Kind)
    assert {job.door for job in plan.jobs} == set(Door)


def test_there_are_as_many_jobs_and_kills_as_asked_for() -> None:
    for jobs, kills in ((1, 0), (3, 1), (60, 6), (2000, 40)):
        plan = make_plan(seed=7, jobs=jobs, kills=kills)
        assert (len(plan.jobs), plan.kills) == (jobs, kills)
        assert [job.number for job in plan.jobs] == list(range(jobs))
        assert [blow.at for blow in plan.blows] == sorted(blow.at for blow in plan.blows)


def test_a_job_is_known_by_its_prompt() -> None:
    for job in make_plan(seed=7, jobs=50, kills=0).jobs:
        assert number_of(job.prompt) == job.number
    assert number_of("A quiet lake [sandbox:fail]") is None
