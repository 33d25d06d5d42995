"""how sentences begin that go on from the one before them, or take part of it back, in several languages."""

import re

GOES_ON = re.compile(
    r"(?:Otherwise|If (?:so|not)|In (?:that|this|such|these|all other) (?:case|event|situation)s?"
    r"|In (?:his|her|their|its) (?:case|view|place)"
    r"|(?:After|Before|Beyond|Apart from|Besides) (?:that|this)(?=,| [a-z]+ [a-z]+)"
    r"|(?:Until|From) then|Instead(?! of)"
    # German
    r"|Andernfalls|Sonst|Ansonsten|Danach|Darüber hinaus|Bis dahin|In (?:diesem|solchem|seinem|ihrem) Fall"
    r"|In (?:diesen|allen anderen|solchen) Fällen|Stattdessen|Dagegen|Hiergegen|Hierfür|Hierzu"
    # French
    r"|Sinon|À défaut|Après (?:cela|quoi)|Au-delà|Jusque-là|Dans (?:ce|un tel|son) cas|Dans ces cas"
    # Spanish and Italian
    r"|De lo contrario|Después de (?:eso|esto)|Hasta entonces|En (?:ese|este|tal) caso|En (?:esos|estos|tales) casos"
    r"|Altrimenti|In caso contrario|Dopo di che|Fino ad allora|In (?:tal|questo|quel) caso"
    r"|In (?:tali|questi) casi"
    # Russian
    r"|После этого|До этого|В (?:этом|таком|противном) случае|В (?:этих|таких) случаях|Иначе"
    r")\b|その場合|この場合|その後|否则|此后|(?:在)?(?:这|此)(?:种)?情况下"
)
"""How a sentence begins that holds under what the one before it says, or goes on from it."""

_WHOLE = "Section|Article|Paragraph|Clause|Item|Point|Rule|Exclusion|Exception"

TAKES_BACK = re.compile(
    rf"(?:Th(?:is|at|ese|ose)|The (?:above|foregoing|preceding|same)|It|They|(?:{_WHOLE})s?)\b[^.;:]{{0,60}}?"
    r"\b(?:(?:does|do|shall|will|is|are|did) ?(?:not|n.t|never)|cannot|no longer)"
    r" (?:apply|applicable|include|cover|extend|valid|hold|the case)"
    r"|Th(?:is|at|ese|ose) [^.;:]{1,60}? (?:is|are|was|were) ?(?:not|n.t) (?:statistically )?significant"
    r"|Th(?:is|at) (?:figure|amount|sum|total|rate|fee|price|limit|discount|allowance)\b[^.;:\n]{0,40}?"
    r"\b(?:(?:must|shall|may|is to|will) be (?:halved|doubled|reduced|increased|cut|waived|refunded|capped|limited)"
    r"|excludes?)\b"
    r"|(?:Excepted|Excluded|Exempt|Not (?:included|covered))\b"
    r"|(?:The|An) (?:only )?exceptions?\b|Exceptions?:|Unless\b|None of (?:this|these|the above)\b"
    r"|[^\W\d_][^.;:\n]{1,80}?\b(?:exempt(?:ed)?|excluded|excepted) from (?:this|that|these|those)\b"
    # German
    r"|(?:Dies|Das|Dieser? [^\W\d_]+|Diese|Satz \d|Absatz \d)\b(?! nicht)[^.;:\n]{0,20}? (?:gilt|gelten|greift)\b"
    r"[^.;:\n]{0,20}? nicht\b|(?:Dies|Das) gilt nicht\b|(?:Hiervon |Davon )?[Aa]usgenommen\b|Eine Ausnahme\b"
    r"|Ausnahmen?:|Abweichend (?:da|hier)von\b|Es sei denn\b"
    r"|(?:Da|Hier)gegen (?:kann|können|ist)\b[^.;:\n]{0,80}(?:Widerspruch|Klage|Einspruch|Beschwerde)"
    # French
    r"|(?:Cel[ae]|Ceci|Cette [^\W\d_]+|Ce(?:tte|s|t)? [^\W\d_]+|Ils?|Elles?) ne (?:s['’]applique(?:nt)?|couvre(?:nt)?"
    r"|concernent?|valent|vaut) pas\b|(?:En )?(?:[Ss]ont|[Ee]st) exclue?s?\b|(?:Font|Fait) exception\b|Sauf\b"
    r"|Par (?:exception|dérogation)\b|Exceptions? :"
    # Spanish
    r"|(?:Esto|Est[ae]s? [^\W\d_]+|Lo anterior)[^.;:\n]{0,20}? no (?:se aplican?|será aplicable|rige|vale)\b"
    r"|(?:Quedan?|Están?) (?:excluid|exent)[oa]s?\b|Se exceptúan?\b|Salvo\b|Excepto\b|Excepción:"
    # Italian
    r"|(?:Ciò|Questo|Quest[aei] [^\W\d_]+|Tal[ei] [^\W\d_]+) non (?:si applica(?:no)?|vale|valgono)\b"
    r"|(?:Sono|È) esclus[aeio]\b|Fa(?:nno)? eccezione\b|Eccezion[ei]:"
    # Russian, Japanese and Chinese
    r"|(?:Это|Данн\w+ \w+|Указанн\w+ \w+)[^.;:\n]{0,30}? не (?:распространя|относи|применя|действу)|Исключени[ея]\b"
    r"|За исключением\b|ただし|但し|例外|但(?=[^。\n]{0,40}(?:除外|例外))"
)
"""How a sentence begins that takes back part of what the one before it says."""

POINTS_BACK = re.compile(
    r"\b(?:for|after|before|until|within|above|below|under|by|exceeds?|exceeding) (?:that|this) "
    r"(?:time|period|date|deadline|limit|amount|sum|threshold|temperature|distance|age)\b(?! (?:of|when|that)\b)"
    r"|\b(?:in|nach|vor|während|binnen|innerhalb|bis zu|über|unter) diese[rmns]? "
    r"(?:Zeit|Zeitraums?|Zeitpunkt|Frist|Betrag|Summe|Grenze|Temperatur)\b"
)
"""What a sentence says that only the one before it explains."""

CORRECTS = re.compile(
    r"[*_\[(]{0,3}(?:(?:EDIT|UPDATE|Edit|Update|Edited|Updated)(?: \d{1,2})?|(?:Correction|CORRECTION|Corrigend(?:um|a)"
    r"|Errat(?:um|a)(?: corrige)?|ERRATUM|Nachtrag|NACHTRAG|Korrektur|Berichtigung|Correctif|Rectificatif|Corrección"
    r"|Rectificación|Fe de erratas|Correzione|Rettifica)\b|(?:訂正|更正|勘误|修正|追記))"
    r"(?:[ ,(（](?:[^\n:：.]|(?<=\d)\.){0,40})?[*_\])]{0,3}[:：][ \t]*(?:[*_\])]{1,3}[ \t]*)?(?=[^\s*_])"
)
"""How a paragraph begins that corrects what stands above it, or takes it back."""
