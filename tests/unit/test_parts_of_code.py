"""Parts of a class or function that are indented as it is do not end it."""

import pytest

from longattncomp.chunking.structure import outline

BLOCKS = {
    "access to members of a class": (
        "class Bed : public Plot {\npublic:\n    explicit Bed(int size);\n\nprivate slots:\n    void water();\n"
        "protected:\n    int size_;\n};\n",
        {"size);": {"class Bed : public Plot {", "public:"}, "size_;": {"class Bed : public Plot {", "protected:"}},
    ),
    "what a function demands of types": (
        "impl Bed {\n    pub fn sow<S>(&mut self, seed: S)\n    where\n        S: Into<Seed>,\n    {\n"
        "        self.seeds.push(seed);\n    }\n}\n",
        {
            "push": {"impl Bed {", "pub fn sow<S>(&mut self, seed: S)"},
            "Into<": {"impl Bed {", "pub fn sow<S>(&mut self, seed: S)", "where"},
        },
    ),
    "blocks of SQL": (
        "IF @beds > 0\nBEGIN\n    UPDATE beds SET wet = 1;\n    DELETE FROM dry;\nEND\nELSE\nBEGIN\n"
        "    INSERT INTO dry SELECT 1;\nEND\nDELETE FROM tools;\n",
        {"FROM dry": {"IF @beds > 0"}, "SELECT 1": {"IF @beds > 0", "ELSE"}, "tools": set()},
    ),
    "a block of Ruby below another": (
        "if dry\n  water(bed)\nend\nbegin\n  sow(bed, seed)\nrescue Frost\n  wait(1)\nend\n",
        {"sow": {"begin"}},
    ),
    "a bracket that ends a block and opens another": (
        "dig(bed, {\n  depth: 2,\n}).then((soil) => {\n  sow(soil);\n}).catch((stone) => {\n  rake(stone);\n});\n"
        "rest();\n",
        {
            "depth": {"dig(bed, {"},
            "sow": {"dig(bed, {", "}).then((soil) => {"},
            "rake": {"dig(bed, {", "}).then((soil) => {", "}).catch((stone) => {"},
            "rest": set(),
        },
    ),
    "a bracket that ends an item": ("sow([{\n  peas: 1,\n}, {\n  corn: 2,\n}]);\n", {"corn": {"sow([{"}}),
    "a bracket that ends what a function takes": (
        "fn sow(\n    peas: Seed,\n) -> Result<(), Frost> {\n    dig(peas);\n}\n",
        {"dig": {"fn sow("}},
    ),
    "cases above a test": (
        "@cases(\n    'peas, days',\n    [\n        ('early', 60),\n        ('late', 90),\n    ],\n)\n"
        "def test_days(peas, days):\n    assert sow(peas) == days\n\n\ndef test_frost():\n    assert rest()\n",
        {
            "'late'": {"@cases(", "[", "def test_days(peas, days):"},
            "def test_days": {"@cases("},
            "sow(peas)": {"@cases(", "def test_days(peas, days):"},
            "rest()": {"def test_frost():"},
        },
    ),
    "a call that is no definition": ("@bed.dig(\n  1,\n)\nputs 'done'\n", {"puts": set()}),
    "rows of either kind": (
        'beds := []Bed{\n\t{"north", 0},\n\t{\n\t\tname: "south",\n\t},\n}\n',
        {"south": {"beds := []Bed{", "{"}},
    ),
    "an option below the first argument": (
        "sow(\n  north,\n  {\n    depth: 3,\n  },\n);\n",
        {"depth": {"sow(", "north,"}},
    ),
    "an argument below the first one": ('plant("beds",\n{\n    size: 3,\n});\n', {"size": {'plant("beds",'}}),
    "selectors in several lines": (
        ".bed:hover,\n.bed[wet] > b,\n.bed:not(.wet) {\n  color: red;\n}\n.plot,\n{\n",
        {"red": {".bed:hover,"}, ".bed[wet]": set()},
    ),
    "names above a block": (
        "sow({\n  peas,\n  corn,\n  dig() {\n    rest();\n  },\n});\n",
        {"rest": {"sow({", "dig() {"}},
    ),
    "a recipe below what it does": (
        "# Waters all beds.\nwater: hose\n\topen tap\n\twait 1\n",
        {"wait": {"# Waters all beds.", "water: hose"}},
    ),
    "a variable that goes on": (
        "TOOLS = rake \\\n\tspade \\\n\tcan\n\nall:\n\tdig $(TOOLS)\n",
        {"spade": {"TOOLS = rake \\"}, "can": {"TOOLS = rake \\"}, "dig": {"all:"}},
    ),
    "a label in a function": ("int sow(void)\n{\n    dig();\npublic:\n    rest();\n}\n", {"rest": {"public:"}}),
}


@pytest.mark.parametrize(("text", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_parts_are_led_in_by_the_whole(text: str, expected: dict[str, set[str]]) -> None:
    units = outline(text)
    ends = [*units.starts[1:], len(text)]
    for within, above in expected.items():
        unit = next(unit for unit, end in enumerate(ends) if within in text[units.starts[unit] : end])
        found = {text[units.starts[lead] :].partition("\n")[0].strip() for lead in units.lead_ins(unit)}
        assert found == above
