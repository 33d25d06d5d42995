"""A definition comes with what stands above it, and a block with what says when it holds."""

import pytest
from cutting import cut, lead_ins


def body(indent: int) -> str:
    return "".join(f"{' ' * indent}log.write(step_{number}, of_nine);\n" for number in range(70))


ABOVE = {
    "attributes in brackets": (
        f'public class Jobs\n{{\n    [HttpPost("run")]\n    [Authorize(Roles = "Boss")]\n    [Audited]\n'
        f"    public void Run(int id)\n    {{\n{body(8)}    }}\n}}\n",
        ('[HttpPost("run")]', '[Authorize(Roles = "Boss")]', "[Audited]", "public void Run"),
    ),
    "attributes of a class": (
        f"using System;\n\n[ApiController]\n[Audited]\npublic class Jobs\n{{\n{body(4)}}}\n",
        ("[ApiController]", "[Audited]", "public class Jobs"),
    ),
    "one of several lines": (
        f"class Jobs:\n    @route(\n        '/jobs',\n    )\n    @cached  # for an hour\n    def run(self):\n{body(8)}",
        ("'/jobs'", "@cached", "def run"),
    ),
    "a short comment": (
        f"// waits for the last job\nfunc wait(jobs []Job) {{\n{body(4)}}}\n",
        ("// waits for the last job", "func wait"),
    ),
    "one above attributes": (
        f"impl Jobs {{\n    // the strictest one\n    #[must_use]\n    fn limit(&self) -> u8 {{\n{body(8)}    }}\n}}\n",
        ("// the strictest one", "#[must_use]", "fn limit"),
    ),
    "one above a rule of CSS": (
        f"/* phones */\n@media (max-width: 639px) {{\n  .bar {{\n{body(4)}  }}\n}}\n",
        ("/* phones */", "@media", ".bar"),
    ),
    "one above a routine of SQL": (
        f"-- closes what nobody used\nCREATE PROCEDURE close_all(days int)\nAS $$\nBEGIN\n{body(4)}END;\n$$;\n",
        ("-- closes what nobody used", "CREATE PROCEDURE"),
    ),
    "one above a stage": (
        "FROM a AS one\nRUN x\n\n# what runs\nFROM b\n" + "".join(f"COPY step_{n} of_nine\n" for n in range(70)),
        ("# what runs", "FROM b"),
    ),
    "what a task does": (
        f'namespace :jobs do\n  desc "Run all jobs"\n  task run: :environment do\n{body(4)}  end\nend\n',
        ("namespace :jobs do", 'desc "Run all jobs"', "task run"),
    ),
    "a variable of a target": (
        "all: x\n\nbench: FLAGS = -O3\nbench: clean\n" + "".join(f"\tlog step_{n} of_nine\n" for n in range(70)),
        ("bench: FLAGS = -O3", "bench: clean"),
    ),
    "the condition of another branch": (
        f"if ($a) {{\n{body(2).replace('step', 'part')}}} elseif ($b) {{\n{body(2)}}}\n",
        ("if ($a)", "elseif ($b)"),
    ),
    "what an arm is of, below a comment": (
        f"switch (kind) {{\ncase 1:\n{body(2).replace('step', 'part')}// never seen\ncase 2:\n{body(2)}}}\n",
        ("switch (kind)", "// never seen", "case 2"),
    ),
}


@pytest.mark.parametrize(("text", "lines"), ABOVE.values(), ids=ABOVE)
def test_it_comes_with_what_stands_above(text: str, lines: tuple[str, ...]) -> None:
    found = lead_ins(text, "step_7", 8)
    assert [line for line in lines if line not in found] == []


NOT_ABOVE = {
    "another rule": (f"@media print {{\n  .bar {{\n    a: 1;\n  }}\n  .foo {{\n{body(4)}  }}\n}}\n", (".bar",)),
    "another arm": (f"switch (kind) {{\ncase 1:\n  f();\ncase 2:\n{body(2)}}}\n", ("case 1",)),
    "a statement above the arms": (f'tag=$2\ncase "$1" in\n  run)\n{body(4)}  ;;\nesac\n', ("tag=$2",)),
    "a word that only opens a block": (f"def run():\n    try:\n{body(8)}    except E:\n        raise\n", ("try:",)),
    "the target above": (
        "data/x:\n\tmkdir -p data\n\nbench: clean\n" + "".join(f"\tlog step_{n} of_nine\n" for n in range(70)),
        ("data/x",),
    ),
    "a comment that is code": (f"// old_run();\nfunc run() {{\n{body(4)}}}\n", ("old_run",)),
    "the name of the file": (f"// src/run.go\nfunc run() {{\n{body(4)}}}\n", ("src/run.go",)),
    "a section of settings": ("[Unit]\nName = a\n\n[Service]\n" + body(0).replace("log.write(", "k=("), ("[Unit]",)),
    "a variable of an object": (f"@jobs.clear(1)\n@jobs.each do |job|\n{body(2)}end\n", ("@jobs.clear",)),
    "an argument": (f"run(\n    name,\n    default={{\n{body(8)}    }},\n)\n", ("name",)),
}


@pytest.mark.parametrize(("text", "lines"), NOT_ABOVE.values(), ids=NOT_ABOVE)
def test_what_does_not_stand_above(text: str, lines: tuple[str, ...]) -> None:
    found = lead_ins(text, "step_7", 8)
    assert [line for line in lines if line in found] == []


ENDED = {
    "Ruby": ("jobs.each do |job|\n", "end\n", "jobs.each"),
    "Lua": ("M.run = function(job)\n", "end\n", "M.run"),
    "Elixir": ("def run(job) do\n", "end\n", "def run"),
    "Basic": ("Public Sub Run(job)\n", "End Sub\n", "Public Sub Run"),
    "brackets": ("whatever it says here {\n", "}\n", "whatever"),
}
WORDS = "".join(f"  say the word number {number} here\n" for number in range(70))


@pytest.mark.parametrize(("begins", "ends", "line"), ENDED.values(), ids=ENDED)
def test_the_layout_tells_code(begins: str, ends: str, line: str) -> None:
    assert line in lead_ins(f"{begins}{WORDS}{ends}", "number 7", 8)


def test_a_paragraph_is_no_block_of_code() -> None:
    text = f"If you want to know what to do\n{WORDS}End of it.\n"
    assert "If you" not in lead_ins(text, "number 7", 8).split("number 7")[0].replace(WORDS, "")


SIDES = f"<<<<<<< HEAD\n{body(4)}=======\n    pass_on();\n>>>>>>> topic/late\n"


def test_both_sides_of_a_conflict_are_one_record() -> None:
    text = f"function run() {{\n  f();\n{SIDES}}}\n\nfunction go() {{\n  g();\n  h();\n}}\n"
    short = text.replace(body(4), "    stop();\n")
    (node,) = [node for node, _ in cut(short, 6) if "stop()" in node]
    assert ">>>>>>> topic/late" in node
    found = lead_ins(text, "step_7", 6)
    assert [line for line in ("function run", "<<<<<<< HEAD", ">>>>>>> topic/late") if line not in found] == []
    assert "=======" in lead_ins(text, "pass_on", 3)
    assert "topic" not in lead_ins(text, "h();", 2)


HUNK = "@@ -1,4 +1,4 @@ class Jobs\n     def run(self):\n-        a()\n+        b()\n+        c(of, all, of, them)\n"
SAID = "\n  ann (owner) commented on line 3:\n  > Please do not. This is never called.\n"
REPLY = "\n  bob replied:\n  > It is, by the tests that run at night.\n"


def test_what_a_reviewer_says_belongs_to_the_file() -> None:
    text = f"--- src/jobs.py\n{HUNK}{SAID}{REPLY}\n--- src/other.py\n{HUNK}{SAID}\nAll checks passed.\n"
    assert lead_ins(text, "bob", 9).startswith("--- src/jobs.py\n  ann")
    assert "ann" not in lead_ins(text, "+        b()", 4)
    assert lead_ins(text, "All checks", 4) == "All checks passed.\n"


def test_a_change_comes_with_its_function() -> None:
    text = f"--- a/jobs.py\n+++ b/jobs.py\n{HUNK}     def stop(self):\n-        d()\n" + "+        e(it, all)\n" * 200
    assert "def run" in lead_ins(text, "c(of", 4)
    assert "def run" not in lead_ins(text, "d()", 4)
    assert "def stop" in lead_ins(text, "d()", 4)


def test_a_line_of_a_change_that_begins_with_two_signs_is_no_file() -> None:
    text = f"--- a/x.sql\n+++ b/x.sql\n@@ -1 +1 @@\n {'a' * 9}\n--- drop it all\n@@ -7 +7 @@\n-x of all\n+y of all\n"
    assert "drop" not in lead_ins(text, "+y", 3)
