"""Lines for the preprocessor of C come with the condition of their own branch, with blanks after the sign or not."""

import pytest
from cutting import cut

from longattncomp.chunking.code import statements as code
from longattncomp.chunking.lines.preprocessor import DIRECTIVE
from longattncomp.chunking.structure import outline

LIMITS = "".join(f"#define LIMIT_{number:02d}   {number}00\n" for number in range(30))
BRANCHES = (
    "int b = 2;\n\n"
    f"#if defined(BIG)\n{LIMITS}"
    f"#elif defined(MIDDLE)\n{LIMITS.replace('00', '01')}"
    "#if GUARDS > 1\n#define NESTED 1\n#endif\n"
    f"{LIMITS.replace('LIMIT', 'BOUND')}"
    f"#else\n{LIMITS.replace('00', '02')}#endif\n\nint c = 3;\n"
)
SPACED = BRANCHES.replace("#define", "# define").replace("#if G", "# if G").replace("#endif\n#", "# endif\n#")


def above(text: str, within: str) -> set[str]:
    (found,) = (above for node, above in cut(text, 6) if within in node)
    return {line for lead in found for line in lead.splitlines() if line}


@pytest.mark.parametrize("text", [BRANCHES, SPACED, SPACED.removeprefix("int b = 2;\n\n")], ids=["", "spaced", "first"])
def test_a_branch_leads_in_its_own_lines(text: str) -> None:
    assert above(text, "LIMIT_05   501") == {"#if defined(BIG)", "#elif defined(MIDDLE)", "#endif"}
    assert above(text, "BOUND_05") == {"#if defined(BIG)", "#elif defined(MIDDLE)", "#endif"}
    assert above(text, "LIMIT_05   502") == {"#if defined(BIG)", "#else", "#endif"}
    assert above(text, "LIMIT_05   500") == {"#if defined(BIG)", "#endif"}
    assert above(text, "NESTED") == {"#if defined(BIG)", "#elif defined(MIDDLE)", "#endif"}
    assert above(text, "int c") == set()


def test_a_condition_goes_on_in_the_next_line() -> None:
    text = f"int b = 2;\n#if defined(BIG) && \\\n    defined(FAST)\n{LIMITS}#endif\n"
    assert above(text, "LIMIT_05") == {"#if defined(BIG) && \\", "    defined(FAST)", "#endif"}


def test_lines_that_go_on_are_looked_at_a_few_times_each(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(code, "is_continued", lambda line: looked_at.append(line) or line.endswith("\\\n"))
    outline("int b = 2;\n" + "#if defined(BIG) && \\\n" * 300 + "int c;\n" + "#endif\n" * 300)
    assert len(looked_at) < 300 * 20


@pytest.mark.parametrize("guard", ["# ifndef POOL_H", "#if !defined(POOL_H)", "#if ! defined POOL_H  /* once */"])
def test_a_guard_leads_in_nothing(guard: str) -> None:
    assert above(f"{guard}\n#define POOL_H\n\n{LIMITS}\n#endif /* POOL_H */\n", "LIMIT_05") == set()


def test_a_default_within_a_condition_has_its_own_branch() -> None:
    text = f"#if BIG\n#ifndef FAST\n#define FAST 1\n#else\n{LIMITS}#endif\n#endif\n"
    assert above(text, "LIMIT_05") == {"#if BIG", "#ifndef FAST", "#else", "#endif"}


def test_a_default_with_another_branch_is_no_guard() -> None:
    text = f"#ifndef FAST\n#define FAST 1\n#else\n{LIMITS}#endif\nint a;\n"
    assert above(text, "LIMIT_05") == {"#ifndef FAST", "#else", "#endif"}


def test_a_condition_that_may_be_a_comment_is_one_near_other_lines() -> None:
    text = f"int b;\n\n# if (pool_size > 1)\n# define BIG\nint c;\n{LIMITS}# endif\n"
    assert above(text, "LIMIT_05") == {"# if (pool_size > 1)", "# endif"}


@pytest.mark.parametrize(
    "line",
    [
        *("# define API", "# define LIMIT_03   300", "# define MAX(a, b) a", "# define inline __inline"),
        *("# define EXPORT extern", '# include "pool.h"  // of ours', "# include <pool.h>", "# pragma once"),
        *("# pragma GCC poison x", "# pragma omp parallel", "# pragma pack(1)"),
    ],
)
def test_a_line_may_have_blanks_after_its_sign(line: str) -> None:
    assert DIRECTIVE.match(f"{line}\n")


def test_a_definition_leads_in_no_other_line() -> None:
    text = (
        f"#define POOL 1 /* may be 2 in later versions */\n#define poles_of_it 3 /* no more than of them */\n{LIMITS}"
    )
    members = "".join(f"    int member_{number};\n" for number in range(9))
    assert above(text + members, "member_5") == set()
    assert above(text, "poles_of_it") == set()


@pytest.mark.parametrize(
    "comment",
    [
        "# define the limits here",
        "# include all of them",
        "# if the limits are high",
        "# else it is low",
        "# endif of it",
        "# define API limits",
        "# define the API",
        "# define LIMIT for all of them",
        "# pragma once per module",
        '# include "all" of them',
        "# if (and only if) the limits are high",
        "# if (x == 1):",
        "# if x < 3",
    ],
)
def test_a_comment_is_no_such_line(comment: str) -> None:
    settings = "".join(f"    limit_{number} = {number}\n" for number in range(30))
    found = above(f"a = 1\n\n{comment}\nlimits:\n{settings}\n# endif\n", "limit_5")
    assert found >= {comment, "limits:"}
    assert "# endif" not in found
