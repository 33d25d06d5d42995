"""The options of a manual's page come with the heading of their section."""

from cutting import cut, lead_ins

PAGE = (
    "HULL(1)                 Commands                 HULL(1)\n\nNAME\n       hull - load a boat\n\n"
    "LOAD\n       Loads the boat.\n\n       --force\n              Load it although it is full.\n\n"
    "       --dry-run\n              Only say what would be loaded.\n\n"
    "UNLOAD\n       --force\n              Unload it although it is at sea.\n\n"
    "       --dry-run\n              Only say what would be unloaded.\n\n"
)


def test_the_heading_of_a_section_leads_in_each_option() -> None:
    assert lead_ins(PAGE, "full") == "LOAD\n       --force\n              Load it although it is full.\n\n"
    assert lead_ins(PAGE, "at sea") == "UNLOAD\n       --force\n              Unload it although it is at sea.\n\n"
    assert "unloaded" not in next(node for node, _ in cut(PAGE, 5, 100) if "at sea" in node)


def test_a_speech_stays_together() -> None:
    said = "ANN\n    The boat is full and it is late.\n    --And the dock is old, too.\n    --No, not old.\n\n"
    play = f"{said}BEN\n    Then let us go home, for I am cold.\n\n"
    assert said in [node for node, _ in cut(play, 5, 100)]
