"""A comment that is the title of settings leads in all of them."""

import pytest
from cutting import lead_ins

LINES = ("host_name: a.org\nport: 80\nmost: 7\n", "other_name: b.org\nretries: 5\nleast: 3\n")


@pytest.mark.parametrize("sign", [": ", " = "], ids=["colons", "equals signs"])
def test_a_comment_leads_in_the_settings_of_its_paragraph(sign: str) -> None:
    text = "# Main server\n{}\n# Standby\n{}".format(*LINES).replace(": ", sign)
    assert lead_ins(text, "least", 1) == f"# Standby\nleast{sign}3\n"


@pytest.mark.parametrize(
    "comment",
    ["# Other name", "# what it is called", "# It is called so.", "# The name that others see"],
    ids=["about the first key", "no title", "a sentence", "long"],
)
def test_a_comment_on_the_first_of_them_leads_in_no_other(comment: str) -> None:
    assert lead_ins(f"{comment}\n{LINES[1]}", "least", 1) == "least: 3\n"


@pytest.mark.parametrize(("rule", "sign"), [("#--------", "#"), ("# =======", "#"), (";;;;;;;", ";")])
def test_a_title_between_lines_of_signs_leads_in_the_settings_below(rule: str, sign: str) -> None:
    titles = [f"{rule}\n{sign} {title}\n{rule}\n" for title in ("MAIN SERVER", "STANDBY")]
    first, second = (lines.replace(": ", "=") for lines in LINES)
    text = f"{titles[0]}{first}\n{titles[1]}{second}\nlast=9\n"
    assert lead_ins(text, "last", 1) == f"{titles[1]}last=9\n"
    assert lead_ins(text, "most", 1).startswith(titles[0])


@pytest.mark.parametrize("comment", ["# ---- {} ----", "; === {} ===", "//***** {} *****", "/* --- {} --- */"])
def test_a_title_between_signs_leads_in_the_lines_down_to_the_next_one(comment: str) -> None:
    rows = "15 2 * * 0 /opt/{}.sh --keep 8\n30 6 * * 1 /opt/{}.py --mail team\n"
    titles = [f"{comment.format(name)}\n" for name in ("In use", "Switched off")]
    text = f"{titles[0]}{comment[:2].strip()} minute hour\n{rows.format('a', 'b')}{titles[1]}{rows.format('c', 'd')}"
    assert lead_ins(text, "/opt/b", 3).startswith(titles[0])
    assert lead_ins(text, "/opt/d", 3).startswith(titles[1])
