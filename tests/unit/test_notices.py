"""A notice that a section does not hold leads in all of it, and nothing else."""

import pytest
from cutting import lead_ins

SECTION = "# Messages\n\n{}\n\n## Decision\n\nWe use one queue for all.\n\n# Logs\n\nWe keep logs for fourteen days.\n"

NOTICES = (
    "Status: Superseded by record 19",
    "**Status:** Draft",
    "> **Deprecated since 4.0.**",
    "> [!WARNING]\n> This queue is deprecated.",
    ".. deprecated:: 2.1",
    '!!! warning "Deprecated"',
    "Note: This page is out of date.",
    "This procedure has been withdrawn.",
    "OBSOLETE - see Logs",
    "Hinweis: Dieser Abschnitt ist nicht mehr gültig.",
    "Statut : abrogé",
    "注意：この手順は廃止されました。",
    "状态：已废止",
)


@pytest.mark.parametrize("notice", NOTICES)
def test_a_notice_leads_in_its_section(notice: str) -> None:
    text = SECTION.format(notice)
    assert notice[-16:] in lead_ins(text, "one queue")
    assert notice[-16:] not in lead_ins(text, "fourteen")


def test_a_section_may_hold_the_notice() -> None:
    text = SECTION.format("## Status\n\nRejected in favour of record 19")
    assert "Rejected" in lead_ins(text, "one queue")
    assert "Rejected" not in lead_ins(text, "fourteen")


def test_the_first_line_of_a_text_speaks_of_all_of_it() -> None:
    text = "DRAFT, not approved\n\nThe fee is 20 EUR a month. It rises by two each year.\n\nA year is paid at once.\n"
    assert lead_ins(text, "at once").startswith("DRAFT")


@pytest.mark.parametrize(
    "sentence",
    [
        "Status: accepted",
        "Rejected claims are sent back within a week.",
        "Drafts are saved every minute.",
        "- Deprecated: the old flag",
        "This shop is open. No draft is sold.",
    ],
)
def test_other_sentences_do_not(sentence: str) -> None:
    assert (
        lead_ins(SECTION.format(sentence), "one queue") == "# Messages\n\n## Decision\n\nWe use one queue for all.\n\n"
    )
