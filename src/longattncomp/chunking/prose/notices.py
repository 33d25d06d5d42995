"""notices that a section or a card holds no longer, or not yet -> what leads in all of it."""

import re

from longattncomp.chunking.outline import Outline

_STATUS = (
    "status|state|standing|validity|availability|lifecycle|licen[cs]e|registration|membership|account|offer"
    "|zustand|gültigkeit|verfügbarkeit|bearbeitungsstand|lizenz|mitgliedschaft|statut|état|validité|disponibilité"
    "|estado|vigencia|validez|disponibilidad|situación|stato|validità|disponibilità"
)
_ENDED = (
    r"(?:(?:closed|cancell?ed|revoked|expired|inactive|withdrawn|discontinued|rejected|superseded|deprecated|obsolete"
    r"|drafts?|suspended|retired|terminated|dissolved|disabled|declined|denied|sold(?: out)?|rescinded|repealed"
    r"|outdated|out(?:-| )of(?:-| )(?:print|service|date)|unmaintained|archived|replaced by"
    r"|(?:no longer|not(?: yet)?) [^\W\d_]+"
    r"|geschlossen|storniert|abgesagt|widerrufen|abgelaufen|inaktiv|zurückgezogen|eingestellt|abgelehnt|ersetzt|veraltet"
    r"|entwurf|ungültig|ausgesetzt|gesperrt|gekündigt|aufgehoben|ausverkauft|überholt|außer kraft|abgekündigt"
    r"|nicht mehr [^\W\d_]+"
    r"|fermée?|annulée?|révoquée?|expirée?|périmée?|inacti(?:f|ve)|retirée?|rejetée?|remplacée?|obsolète|brouillon"
    r"|suspendue?|caduque|caduc|abrogée?|refusée?|n['’]est plus [^\W\d_]+"
    r"|cerrad[oa]|cancelad[oa]|revocad[oa]|vencid[oa]|caducad[oa]|inactiv[oa]|retirad[oa]|rechazad[oa]|sustituid[oa]"
    r"|obsolet[oa]|borrador|suspendid[oa]|anulad[oa]|derogad[oa]|descatalogad[oa]|ya no [^\W\d_]+"
    r"|chius[oa]|annullat[oa]|revocat[oa]|scadut[oa]|inattiv[oa]|ritirat[oa]|respint[oa]|sostituit[oa]|bozza|sospes[oa]"
    r"|abrogat[oa])\b"
    r"|已?(?:关闭|取消|撤销|过期|失效|废止|停用|作废|弃用)|草案|暂停|閉店|廃止|非推奨|失効|終了|停止|中止|無効|下書き)"
)
"""What something is that holds no longer, or not yet."""

HOLDS_NO_MORE = re.compile(
    rf"[*_#]{{0,2}}(?:[\w-]{{1,20}} )?(?:{_STATUS})[*_]{{0,2}}(?:[ \t]*[:=]|\t|[ ]{{2}})[*_ \t]*"
    rf"(?:[^\W\d_]{{2,14}}ly )?{_ENDED}|(?:状态|状態|ステータス|状況)[:：][ \t]*{_ENDED}",
    re.IGNORECASE,
)
"""How a field begins that says that what its card is about holds no longer, or not at all."""

_STATE = "status|statut|estado|stato|状態|ステータス|状态"
_LABEL = (
    rf"(?:(?:current |document )?(?:state|{_STATE})|stand|notice|note|warning|important|caution|attention"
    r"|hinweis|achtung|warnung|avertissement|remarque|aviso|nota|attenzione|注意|重要)"
)
_NOTICE = re.compile(
    rf"[\s>*_\[(!?.:⚠\ufe0f❗🚫]*+(?:{_LABEL}[*_\s]*[:：!\"\]]+[^.;\n]{{0,40}}?{_ENDED}"
    rf"|{_ENDED}(?=[*_]*\s*(?:$|[.:!)\]–—]|-[ \t]|\*\*|(?:since|in|by|as|on|until|seit|ab|depuis|desde|dal)\b))"
    r"|(?:this|these|dies\w{0,2}|cet(?:te)?|ce|est[ea]|quest[oa])(?: [\w-]+){1,2} "
    rf"(?:is|are|was|were|has been|have been|ist|sind|wurde|est|a été|está|è)\b[^.;\n]{{0,24}}?{_ENDED})",
    re.IGNORECASE,
)
"""How a sentence begins that says so of its section."""

_TITLE = re.compile(rf"[\s#*_=\d.]*+(?:{_STATE})[\s*_:：]*$|[\s>]*\[!\w+\]\s*$|:::", re.IGNORECASE)
"""The heading of a section that only holds the notice, as in a record of a decision, or the line above an alert."""

_LONGEST = 240  # characters
_NEAR = 4  # units below a heading


def link_notices(text: str, outline: Outline) -> None:
    """Let such a notice lead in all that stands in its section, or in the text if it stands at the beginning of it."""
    entries = {-1, *outline.entries}
    for unit, start in enumerate(outline.starts):
        above, end = outline.parents[unit], outline.end(unit, text)
        if unit - above > _NEAR or end - start > _LONGEST or not _NOTICE.match(text, start, end):
            continue
        if unit in entries and above in entries:
            continue
        if above >= 0 and _TITLE.match(text[outline.starts[above] : outline.end(above, text)]):
            above = outline.parents[above]
        outline.lead(range(unit + 1, outline.below(above).stop), unit)
