"""The house lint: each rule bites on a small tree, and the project keeps them all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house.__main__ import RULES, main
from tests.house.layout import MOST_MODULES, docstrings, doubled_names, large_folders
from tests.house.names import EXCEPTIONS, words_in_names, words_of
from tests.house.properties import properties
from tests.house.prose import words_in_prose
from tests.house.states import NEW_ROWS, writers_of_state
from tests.house.tree import Problem, files_of
from tests.support.pythons import ROOT

Rule = Callable[[Path], Iterator[Problem]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], None]:
    """Return what puts a file into a tree that has nothing else."""

    def put(path: str, text: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        files_of.cache_clear()

    return put


Write = Callable[[str, str], None]


def said(rule: Rule, root: Path) -> list[str]:
    """Return the problems, as they are printed."""
    return [str(problem) for problem in rule(root)]


@pytest.mark.parametrize("rule", RULES)
def test_the_project_keeps_the_rules(rule: Rule) -> None:
    assert said(rule, ROOT) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PollPool", ["poll", "pool"]),
        ("_told_by_callback", ["told", "by", "callback"]),
        ("SQLQueue", ["sql", "queue"]),
        ("heartbeat_age_seconds", ["heartbeat", "age", "seconds"]),
        ("test_p05", ["test", "p"]),
    ],
)
def test_names_are_judged_word_by_word(name: str, words: list[str]) -> None:
    assert words_of(name) == words


def test_a_listed_word_in_a_name_is_reported_with_what_to_say(tmp_path: Path, write: Write) -> None:
    write("billing/x.py", "class Job:\n    def has_heard(self): ...\n\n\ndef pause_job(): ...\n")
    assert said(words_in_names, tmp_path) == [
        "billing/x.py:1: “Job” says “job”; say generation",
        "billing/x.py:2: “has_heard” says “heard”; say handle, or delivered",
        "billing/x.py:5: “pause_job” says “job”; say generation",
    ]


def test_modules_and_folders_are_names_too(tmp_path: Path, write: Write) -> None:
    write("generations/seats/lanes.py", "")
    assert [line.partition(" ")[0] for line in said(words_in_names, tmp_path)] == [
        "generations/seats/:",
        "generations/seats/lanes.py:",
    ]


def test_english_in_docstrings_and_names_of_variables_is_not_judged(
    tmp_path: Path, write: Write
) -> None:
    write("accounts/x.py", '"""A job of a moment."""\njobs = 1  # hung\n\n\ndef heartbeat(): ...\n')
    write("sandbox/story.py", "def moves(): ...\n")
    assert said(words_in_names, tmp_path) == []


def test_f16_a_word_that_we_do_not_say_is_reported_wherever_people_read(
    tmp_path: Path, write: Write
) -> None:
    write("billing/x.py", 'SAID = "Credits are given\\n"\n# Until the vendor’s word.\nanew = 1\n')
    write("billing/y.py", '"""Two credits are\ngiven back."""\n')
    write("templates/a/b.html", "{% if for_ever %}\n<p>Kept for\n  ever</p>{# anew #}\n")
    write("templates/static/js/x.js", 'say("Send it\u00a0anew");\n')
    write("docs/a.md", "Orders, `ordered` and order.\n\n```\nlately\n```\n\nAbove 80 %.\n")
    assert said(words_in_prose, tmp_path) == [
        (
            "billing/x.py:2: “Until the vendor’s word” is not how we speak;"
            " say until the vendor answers"
        ),
        "billing/y.py:2: “given back” is not how we speak; say released, or returned",
        "docs/a.md:1: “Orders” is not how we speak; say submitted, created",
        "docs/a.md:7: “0 %” is not how we speak; say 80%, without a space",
        "templates/a/b.html:2: “for ever” is not how we speak; say forever",
        "templates/a/b.html:3: “anew” is not how we speak; say again",
        "templates/static/js/x.js:1: “anew” is not how we speak; say again",
    ]


def test_f16_other_uses_of_a_word_stay(tmp_path: Path, write: Write) -> None:
    write("README.md", "In order to sort: ordered by id. A dearth, an anew-line. 80%, {{ x }}%.\n")
    write("billing/x.py", 'A = "%d of %s" % (1, "x")\nB = f"{A:>5} %s"\n')
    assert said(words_in_prose, tmp_path) == []


def test_vendors_have_a_home(tmp_path: Path, write: Write) -> None:
    write("generations/vendors/base.py", "class Vendor: ...\n")
    assert said(words_in_names, tmp_path) == []
    write("billing/vendor.py", "")
    assert len(said(words_in_names, tmp_path)) == 1


def test_every_exception_is_needed_and_has_a_reason() -> None:
    for (path, name), reason in EXCEPTIONS.items():
        assert f"def {name}(" in (ROOT / path).read_text()
        assert reason


@pytest.mark.parametrize(
    "line",
    [
        "Generation.objects.filter(pk=1).update(state=State.QUEUED)",
        "Generation.objects.filter(pk=1).update(**{'state': 'queued'})",
        "Generation.objects.bulk_update(rows, ['state'])",
        "Generation.objects.update_or_create(pk=1, defaults={'state': 'queued'})",
        "team.generations.update(credits=1, state='queued')",
        "rows.update(state=to)",
        "generation.state = State.QUEUED",
        "generation.state, generation.credits = State.QUEUED, 1",
        "one.state = to",
        "row.save(update_fields=['state'])",
        "setattr(row, 'state', 'queued')",
        "setattr(generation, name, value)",
    ],
)
def test_only_transitions_writes_a_generations_state(
    tmp_path: Path, write: Write, line: str
) -> None:
    code = f"def change(generation, one, row, rows, team, name, value, to):\n    {line}\n"
    write("generations/x.py", code)
    (problem,) = said(writers_of_state, tmp_path)
    assert problem.startswith("generations/x.py:2: writes the state of a generation")


def test_transitions_writes_states_itself(tmp_path: Path, write: Write) -> None:
    write("generations/transitions.py", "Generation.objects.update(state='queued')\n")
    assert said(writers_of_state, tmp_path) == []


def test_states_of_other_models_are_theirs(tmp_path: Path, write: Write) -> None:
    write(
        "generations/x.py",
        "def change(film, rows):\n"
        "    Film.objects.filter(pk=1).update(state='kept')\n"
        "    film.state = Film.State.KEPT\n"
        "    rows.update(state=ProviderKey.State.PAUSED)\n"
        "    waiting = WebhookDelivery.objects.filter(pk=1)\n"
        "    waiting.update(state=given_up)\n"
        "    setattr(film, name, value)\n"
        "    generation.save(update_fields=['hold'])\n"
        "    return Generation.objects.filter(state=film.state), Generation(state='queued')\n",
    )
    assert said(writers_of_state, tmp_path) == []


def test_rows_that_are_assigned_twice_prove_nothing(tmp_path: Path, write: Write) -> None:
    write(
        "generations/x.py",
        "def change():\n"
        "    rows = Film.objects.all()\n"
        "    rows = Generation.objects.all()\n"
        "    rows.update(state='queued')\n",
    )
    assert len(said(writers_of_state, tmp_path)) == 1


def test_who_writes_states_of_new_rows_is_there() -> None:
    for path, name in NEW_ROWS:
        assert f"def {name}(" in (ROOT / path).read_text()


def test_a_folder_holds_sixteen_modules(tmp_path: Path, write: Write) -> None:
    for number in range(MOST_MODULES):
        write(f"accounts/x/m{number}.py", "")
        write(f"accounts/migrations/m{number}.py", "")
        write(f"accounts/migrations/n{number}.py", "")
    write("accounts/x/__init__.py", "")
    write("accounts/x/below/more.py", "")
    assert said(large_folders, tmp_path) == []
    write("accounts/x/another.py", "")
    assert said(large_folders, tmp_path) == ["accounts/x/: has 17 modules; at most 16"]


def test_docstrings_say_what_is_returned(tmp_path: Path, write: Write) -> None:
    write("tests/x.py", 'def a():\n    """Tell whether it is."""\n')
    write("billing/x.py", 'def a():\n    """Return whether to tell."""\n')
    assert said(docstrings, tmp_path) == ["tests/x.py:2: a docstring says “Return whether …”"]


def test_a_name_that_said_several_things_says_one(tmp_path: Path, write: Write) -> None:
    write("billing/x.py", "class Place: ...\n\n\nclass A:\n    def tell(self): ...\n")
    write("billing/y.py", "def tell(): ...\ndef other(): ...\n")
    write("billing/z.py", "def other(): ...\ndef _tell(): ...\n")
    assert said(doubled_names, tmp_path) == []
    write("accounts/x.py", "class A:\n    class Place: ...\n")
    assert said(doubled_names, tmp_path) == [
        "accounts/x.py:2: “Place” is also in billing/x.py; one name, one thing",
        "billing/x.py:1: “Place” is also in accounts/x.py; one name, one thing",
    ]


def test_properties_are_written_down_and_proven(tmp_path: Path, write: Write) -> None:
    known, lost, unproven = (f"P{number:02}" for number in (1, 98, 2))
    write("docs/properties.md", f"# Properties\n\n| {known} | holds |\n| {unproven} | holds |\n")
    write("billing/x.py", f"# {known}, and\n# {lost}\n")
    test = "def test_{}_it_holds(): ...\n"
    write("tests/test_x.py", test.format(known.lower()) + test.format("p" + "97"))
    assert said(properties, tmp_path) == [
        f"billing/x.py:2: {lost} is not in docs/properties.md",
        "tests/: test_p97_… proves what is not in docs/properties.md",
        f"docs/properties.md:4: {unproven} has no test named test_p02_…",
    ]


def test_the_command_prints_what_it_found_and_fails(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("docs/properties.md", "")
    write("billing/x.py", "class Job: ...\n")
    assert main(tmp_path) == 1
    assert capsys.readouterr().out == "billing/x.py:1: “Job” says “job”; say generation\n"
    write("billing/x.py", "class Generation: ...\n")
    assert main(tmp_path) == 0
