"""Changes come with the names of their files, wherever they stand."""

from bisect import bisect_right

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking.structure import outline

CHANGES = "".join(f"-bed {number} is for peas and beans\n+bed {number} is for corn and kale\n" for number in range(9))
DIFFS = {
    "with two names": ("--- a/garden/beds.txt\n+++ b/garden/beds.txt\n@@ -1,9 +1,9 @@\n", "garden/beds.txt"),
    "of git": ("diff --git a/beds.txt b/beds.txt\n--- a/beds.txt\n+++ b/beds.txt\n@@ -1,9 +1,9 @@\n", "beds.txt"),
}


def above(text: str, within: str) -> str:
    return next("".join(lead) for node, lead in cut(text, 12) if within in node)


@pytest.mark.parametrize(("head", "name"), DIFFS.values(), ids=DIFFS)
def test_a_fenced_diff_comes_with_its_file(head: str, name: str) -> None:
    text = f"Plant them so:\n\n```diff\n{head}{CHANGES}```\n\nThen water all of the beds. They are dry.\n"
    found = above(text, "+bed 7")
    assert name in found
    assert "Plant them so" in found
    assert "-bed" not in above(text, "They are dry")


def test_a_fenced_block_of_signs_is_no_diff() -> None:
    text = "Plant them so:\n\n```\n- bed 1 is for peas\n- bed 2 is for corn\n```\n\nThen water them. They are dry.\n"
    assert above(text, "bed 2") == "Plant them so:\n\n"


FILES = (
    f"*** Update File: garden/beds.txt\n@@ the beds\n{CHANGES}"
    "*** Add File: garden/shed.txt\n+Tools hang in it.\n+It has a lock and a key.\n"
)


@pytest.mark.parametrize("text", [f"*** Begin Patch\n{FILES}*** End Patch\n", FILES], ids=["whole", "files alone"])
def test_a_patch_of_an_agent_comes_with_its_files(text: str) -> None:
    changed, added = lead_ins(text, "+bed 7", 12), above(text, "a lock")
    assert changed.startswith("*** Update File: garden/beds.txt\n@@ the beds\n")
    assert "*** Add File: garden/shed.txt\n" in added
    assert "beds.txt" not in added


def test_what_follows_a_patch_is_none_of_it() -> None:
    text = f"*** Begin Patch\n{FILES}*** End Patch\nThen water all of the beds. They are dry.\n"
    assert "***" not in above(text, "They are dry")


def test_a_replacement_comes_with_the_file_above_it() -> None:
    text = "garden/beds.txt\n<<<<<<< SEARCH\n" + CHANGES + "=======\nno beds at all\n>>>>>>> REPLACE\n"
    assert "garden/beds.txt" in above(text, "bed 7")
    assert "above it" not in above(text.replace("SEARCH", "main").replace("garden/beds.txt", "above it"), "bed 7")


HUNK = "--- a/garden/beds.rs\n+++ b/garden/beds.rs\n@@ -1,9 +1,9 @@\n"
BLOCKS = {
    "added": (
        "+use tools::Rake;\n+\n+impl Bed {\n+  fn dig(&self) {\n+    if self.dry {\n+      self.water();\n",
        "self.water",
    ),
    "removed": (
        "-import rake\n-class Bed:\n-    def dig(self):\n-        for row in self.rows:\n-            row.dig()\n",
        "row.dig",
    ),
    "context": (
        " class Bed:\n     def dig(self):\n         while self.dry:\n+            self.water()\n",
        "self.water",
    ),
    "settings": ("+beds:\n+  - name: north\n+    crop: peas\n+  - name: south\n+    crop: corn\n", "crop: corn"),
    "another branch": (" if dry:\n-    water()\n+    rake()\n else:\n+    dig()\n", "dig()"),
    "lone brackets": (
        "+static int dig(int rows,\n+               int deep)\n+{\n+\tint sum = 0;\n+}\n+\n"
        "+static int rake(int rows)\n+{\n+\tif (rows)\n+\t{\n+\t\treturn 1;\n",
        "return 1",
    ),
    "a lone bracket below a name of two lines": (
        "+static int rake(int rows)\n+{\n+\treturn 1;\n+}\n+static int dig(int rows,\n+               int deep)\n+{\n"
        "+\tint sum = 0;\n",
        "int sum",
    ),
    "a lone bracket below a name that changes": (
        "-public class Bed\n+public class Plot\n {\n     public void Dig()\n     {\n+        Water();\n",
        "Water",
    ),
    "lone brackets without names": (
        '+[\n+  {\n+    "crop": "peas"\n+  },\n+  {\n+    "crop": "corn"\n+  }\n+]\n',
        "corn",
    ),
}
LEADS = {
    "added": "+impl Bed {\n+  fn dig(&self) {\n+    if self.dry {\n",
    "removed": "-class Bed:\n-    def dig(self):\n-        for row in self.rows:\n",
    "context": " class Bed:\n     def dig(self):\n         while self.dry:\n",
    "settings": "+beds:\n+  - name: south\n",
    "another branch": " if dry:\n else:\n",
    "lone brackets": "+static int rake(int rows)\n+\tif (rows)\n",
    "a lone bracket below a name of two lines": "+static int dig(int rows,\n",
    "a lone bracket below a name that changes": "-public class Bed\n+public class Plot\n     public void Dig()\n",
    "lone brackets without names": "+[\n+  {\n",
}


def leading(text: str, within: str) -> str:
    found = outline(text)
    ends = [*found.starts[1:], len(text)]
    unit = bisect_right(found.starts, text.index(within)) - 1
    return "".join(text[found.starts[one] : ends[one]] for one in sorted(found.lead_ins(unit)))


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_changed_line_comes_with_the_blocks_around_it_alone(kind: str) -> None:
    lines, within = BLOCKS[kind]
    assert leading(HUNK + lines, within) == HUNK + LEADS[kind]


def test_what_stands_below_a_renamed_block_comes_with_both_names() -> None:
    text = HUNK + "-class Bed:\n+class Plot:\n     def dig(self):\n         return 0\n"
    assert leading(text, "return 0") == text.partition("         return")[0]


def test_added_lines_lead_in_none_beside_them() -> None:
    text = HUNK + " peas = 1\n+beans = 2\n+corn = 3\n+kale = 4\n"
    assert leading(text, "kale") == HUNK


@pytest.mark.parametrize(
    ("name", "above"),
    [("beds.md", "+# Beds\n+## South\n"), ("beds.py", "")],
)
def test_headings_are_those_of_markdown(name: str, above: str) -> None:
    head = f"--- a/{name}\n+++ b/{name}\n@@ -1,4 +1,4 @@\n"
    text = f"{head}+# Beds\n+## North\n+- peas\n+## South\n+- corn\n"
    assert leading(text, "corn") == head + above


@pytest.mark.parametrize(
    ("lines", "above"),
    [
        (" ```sh\n+# dig it first\n rake all\n ```\n+Then rest.\n", ""),
        ("-```\n+```sh\n+# dig it first\n rake all\n ```\n+Then rest.\n", ""),
        ("+1. Dig.\n+   # not too deep\n+Then rest.\n", ""),
        (" ```sh\n rake all\n ```\n+## Later\n+Then rest.\n", "+## Later\n"),
        ("-```sh\n-rake all\n-```\n Dig.\n+## Later\n+Then rest.\n", "+## Later\n"),
    ],
    ids=["fenced", "fenced anew", "indented", "below fences", "below removed fences"],
)
def test_a_comment_of_code_in_markdown_is_no_heading(lines: str, above: str) -> None:
    head = "--- a/beds.md\n+++ b/beds.md\n@@ -1,4 +1,4 @@\n # Beds\n"
    assert leading(head + lines, "Then rest") == head + above
