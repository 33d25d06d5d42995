"""What is commented out or holds under a condition comes with what says so."""

import pytest
from cutting import cut

LIMITS = "".join(f"int limit_{number} = {number}00;\n" for number in range(30))
OTHER_LIMITS = LIMITS.replace("00;", "01;")
ITEMS = "".join(f"<li>bolt {number} is free of charge</li>\n" for number in range(20))
AFTER = ("int b", "b = 2", "<li>x", "</ul>", "price")
REGIONS = {
    "a block that is commented out": (f"int a = 1;\n/* not used:\n{LIMITS}*/\nint b = 2;\n", ("/* not used:", "*/")),
    "one that the preprocessor leaves out": (f"int a = 1;\n#if 0\n{LIMITS}#endif\nint b = 2;\n", ("#if 0", "#endif")),
    "the other branch": (
        f"#ifdef WINDOWS\n{OTHER_LIMITS}#else\n{LIMITS}#endif\nint b = 2;\n",
        ("#ifdef WINDOWS", "#else", "#endif"),
    ),
    "a string that is no documentation": (f"a = 1\n\n'''\nnot used:\n{LIMITS}'''\nb = 2\n", ("'''",)),
    "across blank lines": (
        f"int a = 1;\n/* not used:\n\n{LIMITS}\nSee below.\n*/\nint b = 2;\n",
        ("/* not used:", "*/"),
    ),
    "a branch of a Makefile": (f"ifeq ($(CI),1)\n{LIMITS}else\nB = 1\nendif\nprice = 3\n", ("ifeq ($(CI),1)", "endif")),
    "a comment of HTML": (f"<ul>\n<!-- not valid:\n{ITEMS}-->\n<li>x</li></ul>\n", ("<!-- not valid:", "-->")),
    "a condition of a template": (
        f"<ul>\n{{% if paid %}}\n{ITEMS}{{% else %}}\n<li>none</li>\n{{% endif %}}\n</ul>\n\nprice = 3\n",
        ("{% if paid %}", "{% endif %}"),
    ),
}


@pytest.mark.parametrize(("text", "lines"), REGIONS.values(), ids=REGIONS)
def test_a_region_comes_with_its_beginning_and_end(text: str, lines: tuple[str, ...]) -> None:
    within = "limit_15 = 1500" if "limit" in text else "bolt 15 "
    (above,) = (above for node, above in cut(text, 12) if within in node)
    assert {line for lead in above for line in lead.splitlines()} >= set(lines)
    after = next(above for node, above in cut(text, 12) if node.startswith(AFTER))
    assert not {line for lead in after for line in lead.splitlines()} & set(lines)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [("# if WINDOWS", "# endif"), ("::: warning", ":::"), ("<context>", "</context>")],
    ids=["a condition", "a directive", "a section of a prompt"],
)
def test_lines_of_regions_may_end_as_on_windows(begins: str, ends: str) -> None:
    text = f"int a = 1;\n\n{begins}\n{LIMITS}{ends}\n\nint b = 2;\n"
    above, on_windows = (
        {line for node, above in cut(lines, 12) if "limit_15 " in node for lead in above for line in lead.splitlines()}
        for lines in (text, text.replace("\n", "\r\n"))
    )
    assert begins in above
    assert on_windows == above


@pytest.mark.parametrize(
    "text",
    [
        f"#ifndef POOL_H\n#define POOL_H\n{LIMITS}#endif\n",
        f"int a = 1;\n/* not closed\n{LIMITS}",
        f"x = 1\n# if the guard is missing, add it\n\n{LIMITS}\nout.write('#endif')\n",
        f'def limit():\n    """Say the limit.\n\n    It is high.\n    """\n{LIMITS}\n"""\n'.replace(
            "\nint", "\n    int"
        ),
    ],
    ids=["the guard of a header", "a comment that nothing ends", "a comment with an if", "the end of a docstring"],
)
def test_what_is_no_region(text: str) -> None:
    found = [lead for node, above in cut(text, 12) if "limit_15 " in node for lead in above]
    assert not any(sign in lead for lead in found for sign in ("POOL", "/*", "guard", '"""'))


def test_a_comment_of_html_does_not_go_on_behind_a_stroke() -> None:
    text = "Some words here.\n\n<!-- not valid: C:\\\nThe bolts are free.\n-->\n\nMore words.\n"
    assert any(node == "The bolts are free.\n" for node, _ in cut(text, 3))
