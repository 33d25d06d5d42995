"""text -> where its sentences end, and where a text that is too long may be cut.

Written by hand: the libraries with exact offsets want the language to be named (pysbd, sentencex), take megabytes of
models (wtpsplit, blingfire), or are slower than the draft model's tokenizer (syntok, pysbd). The abbreviations follow
the suppressions of Unicode CLDR for the Latin script; they hold for all languages at once, because one that is wrongly
respected only joins two sentences.
"""

from collections.abc import Iterator

import regex

from longattncomp.chunking.boundaries import snap
from longattncomp.chunking.lines.leaders import leader_end

_WORDS = """
    abb abs abt acad adj adm ala alt anm apr approx apt arch ariz art assn assoc asst attn aufl aug ausg av ave ayto
    bd bde bldg blvd brig bros bsp bspw bzgl bzw
    ca cal cap capt cf ch chap cia cit civ cl cm cmdr co col colo com cons conn corp cpl ct
    dec def del dept dez dgl dir dist div dr dra drs ds dt
    ed eds eg ehem eigtl einschl emp encl eng esc esp esq est etc etw evtl ex exc excl ext
    feb febr ff fig figs ft fl fla fn fol folg forts fr frl
    gal geb gegr gem gen gens gesch gest gez gg ggf gmbh gob gov
    haupts hd hon hr hrn hrsg hs
    ibid ie ill illus inc incl ind inf ing inkl insb int
    jan jap jg jh jhdt jr jul jun jur
    kan kap kath kfm kgl konst ky
    lab lat lb lbs led lfd lib lic lieut lit lt ltd ltda
    maj mar max mbl med messrs mex mfg mgr mil min minn mio misc mlle mlles mm mme mmes mr mrd mrs ms mss mt mtg mtl
    nat nm no nom nos nota nov np nr nrn nto num núm nº
    obj oct od okt op orig oz
    pág págs pl pls pp ppal pref pres prev prof profa prov ps pt pto pts pvt
    qty qq
    red ref reg rel rep resp ret rev rf rg
    sat sec sect sen sep sept ser sgt sig sog sr sra sras sres srl srta st sta ste sto str st suppl svg
    tab tb tech tel temp tit trad treas tsd tue tues thu thur thurs
    ud uds univ urspr usf usw
    va var verf verg vgl vol vols vorm vs vsl
    wed wiss wk wld
    zb zit zs ztr zus zw zzgl
"""
ABBREVIATIONS = frozenset(_WORDS.split())
"""Words that a full stop follows within a sentence, in lower case."""

_BEFORE_NUMBERS = "no nos nr nrn num art sec sect ch chap fig figs vol pp p ed eq cap kap abs al para"
_NUMBERED = frozenset(_BEFORE_NUMBERS.split())
"""Abbreviations before a number, and words before anything else."""

UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー]"
"""Characters of the scripts that write no spaces between words."""

_CLOSING = r"[\"'”’»)\]」』）*_]*"
_END = regex.compile(
    rf"(?<![.!?…؟।۔])[.!?…؟।۔]++(?:\[\^?\w+\])*{_CLOSING}(?:\s++(?!\p{{M}})|$)"
    rf"|(?<![。！？｡])[。！？｡]++{_CLOSING}\s*+(?!\p{{M}})"
)
_INITIALS = regex.compile(r"(?:\p{L}{1,2}\.)+\p{L}{1,2}$|\p{L}$")
_ORDINAL = regex.compile(  # the number of an item or a section, or a German date
    r"(?:^|[\n§(>]|\b(?i:am|vom|zum|der|dem|den|des|im|bis|seit|und|nach|vor|ab|le))\s*\d{1,3}$"
)
_ASKED = regex.compile(r"(?:^|\n)[ \t]*[QFPAR]\d{1,3}$")  # the number of a question or an answer
_COUNTED = regex.compile(  # a German number right before what it counts
    r"\b(?i:die|das|ins|beim)\s+\d{1,3}\.\s+(?:Auflage|Ausgabe|Fassung|Version|Folge|Runde|Klasse|Etage|Stufe|Strophe"
    r"|Zeile|Woche|Mal|Lebensjahr|Jahrhundert|Jahrzehnt|Quartal|Semester|Kapitel|Stockwerk)\b"
)
_DOUBLED = regex.compile(r"\b(\p{Lu})\1\.\s+(\p{Lu})\2\.")  # the initials of something in the plural, as in Spanish
_YEAR = regex.compile(r"\d{4}\p{Ll}?[)\]]")
_NEAR = 200  # characters before a year in which the bracket begins that it ends
_LAST_WORD = regex.compile(r"[\p{L}\p{M}\p{N}º§]+(?:\.[\p{L}\p{N}]+)*$")

_SPACE = r"(?:(?<![\d§])\s+|\s+(?!\s*\d))"  # none within a number such as 1 000 000, or in § 17
_NUMERALS = "[〇零一二三四五六七八九十百千万萬亿億兆两兩]"
_CUTS = (
    regex.compile(rf"(?<=[;][\"'”’»)]?){_SPACE}|[；;](?=[\p{{L}}\"{{}}\[])"),
    regex.compile(rf"(?<=[:,،、)\]}}>–—-][\"'”’»)]?){_SPACE}|[，、：]|(?<=[,}}>])(?=[\p{{L}}\"{{<\[])"),
    regex.compile(
        rf"{_SPACE}|(?<=[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}])(?!(?<={_NUMERALS}){_NUMERALS})(?=[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}])"
    ),
    # Where nothing has a space after it; three digits after a comma may be part of a number.
    regex.compile(r"(?<=[,;|])(?!(?<=\d,)\d{3}(?!\d))(?=\S)"),
)
_JOINT = regex.compile(r"[/?&_=+\s-]")
_SEEN = 8  # characters behind a cut that say whether it is one, such as a number's next digits
_REACH = 4  # the first quarter of a piece has no cut if there is another


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a paragraph, white space after each included; they tile `[start, end)`."""
    first = led = start
    for match in _END.finditer(text, start, end):
        at = match.end()
        if match.start() < led:
            continue
        if text[match.start()] == "." and (led := leader_end(text, match.start())) > match.start():
            continue
        if at < end and not text[at].isascii():
            at = snap(text, at, first)
        if at < end and not _goes_on(text, first, match.start(), at):
            yield first, at
            first = at
    if first < end:
        yield first, end


def ends_in_abbreviation(text: str, start: int, stop: int, follows: str = "") -> bool:
    """Whether the full stop at `stop` follows an abbreviation, an initial, or a number as that of a list's item."""
    word = _LAST_WORD.search(text[max(start, stop - 24) : stop])
    if word is None:
        return False
    found = word[0].lower()
    if found.isdecimal():
        return len(found) <= 3 and _ORDINAL.search(text[max(start, stop - 24) : stop]) is not None
    if _ASKED.search(text[max(start, stop - 24) : stop]):
        return True
    if found in _NUMBERED and word[0] != "P":  # which is an initial
        return follows.isdecimal()
    return found in ABBREVIATIONS or _INITIALS.match(found) is not None


def cut(text: str, start: int, near: int, far: int, most: int | None = None) -> int:
    """Find where to cut a sentence that is too long.

    Args:
        text: any text.
        start: first character of the piece.
        near: longest piece, if it can end there or before, at a semicolon, a comma, a dash or a space.
        far: up to it a word or number stays whole, even if that is longer than a piece may be.
        most: longest piece of a longer one, which is cut at a slash, hyphen or space, at last anywhere but in a
            grapheme; `far` if not given.
    """
    for earliest in (start + (near - start) // _REACH, start):
        for pattern in _CUTS:
            if found := [at for at in _ends(pattern, text, start, near) if at > earliest]:
                return snap(text, found[-1], start)
    if after := min((at for p in _CUTS for at in _ends(p, text, near, far) if at > start), default=0):
        return snap(text, after, start)
    most = most or far
    joints = [match.end() for match in _JOINT.finditer(text, start, most)]
    return snap(text, joints[-1] if joints else most, start)


def _ends(pattern: regex.Pattern[str], text: str, start: int, end: int) -> Iterator[int]:
    for match in pattern.finditer(text, start, end + _SEEN):
        at = match.end()
        if at > end:
            return
        stop = match.start() - 1
        if text[stop : stop + 1] != "." or not ends_in_abbreviation(text, start, stop, text[at : at + 1]):
            yield at


def _goes_on(text: str, first: int, stop: int, at: int) -> bool:
    """Whether a sentence goes on after the stop, the next word of which begins at `at`."""
    if text[at].islower() and (text[stop] in ".…" or text[stop + 1 : at].strip()):
        return True
    if text[stop] != "." or text[stop + 1] == ".":
        return False
    if _DOUBLED.match(text, max(first, stop - 2)) or _COUNTED.search(text, max(first, stop - 9), at + 12):
        return True
    if (year := _YEAR.match(text, at)) and _is_open(text[max(first, stop - _NEAR) : stop], year[0][-1]):
        return True
    return ends_in_abbreviation(text, first, stop, text[at])


def _is_open(words: str, end: str) -> bool:
    """Whether the bracket that a sign ends begins in words and does not end there."""
    return words.rfind("(" if end == ")" else "[") > words.rfind(end)
