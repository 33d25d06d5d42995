"""how sentences begin that go on from the one before them, take part of it back, correct it, or define a term and speak
of it, in several languages.
"""

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
    r"|(?:However|But|Yet)\b[^.;:\n]{1,100}? (?:cannot|can.t|(?:may|must|shall|will) not|won.t"
    r"|(?:is|are) (?:not|never)) (?:be )?(?:\w+ed|apply|available|possible|eligible|valid|free)\b"
    r"|Not so (?:for|in|on|with)\b|(?:Applies|Valid|Available)\b[^.;:\n]{0,60}?\bonly\b"
    r"|(?:The|An) (?:only )?exceptions?\b|Exceptions?:|Unless\b|None of (?:this|these|the above)\b"
    r"|[^\W\d_][^.;:\n]{1,80}?\b(?:exempt(?:ed)?|excluded|excepted) from (?:this|that|these|those)\b"
    # German
    r"|(?:Dies|Das|Dieser? [^\W\d_]+|Diese|Satz \d|Absatz \d)\b(?! nicht)[^.;:\n]{0,20}? (?:gilt|gelten|greift)\b"
    r"[^.;:\n]{0,20}? nicht\b|(?:Dies|Das) gilt nicht\b|(?:Hiervon |Davon )?[Aa]usgenommen\b|Eine Ausnahme\b"
    r"|Ausnahmen?:|Gilt nur\b|Abweichend (?:da|hier)von\b|Es sei denn\b"
    r"|(?:Allerdings|Jedoch|Aber)\b[^.;:\n]{1,100}? (?:nicht|keine?n?)\b[^.;:\n]{0,30}?"
    r"(?:erstattet|erlaubt|gestattet|möglich|zulässig|gültig|versichert)\b"
    r"|(?:Da|Hier)gegen (?:kann|können|ist)\b[^.;:\n]{0,80}(?:Widerspruch|Klage|Einspruch|Beschwerde)"
    # French
    r"|(?:Cel[ae]|Ceci|Cette [^\W\d_]+|Ce(?:tte|s|t)? [^\W\d_]+|Ils?|Elles?) ne (?:s['’]applique(?:nt)?|couvre(?:nt)?"
    r"|concernent?|valent|vaut) pas\b|(?:En )?(?:[Ss]ont|[Ee]st) exclue?s?\b|(?:Font|Fait) exception\b|Sauf\b"
    r"|(?:Toutefois|Cependant|Mais)\b[^.;:\n]{1,100}? (?:ne|n['’])[^.;:\n]{1,20}? pas"
    r" (?:remboursé|autorisé|possible|compris|valable)"
    r"|Par (?:exception|dérogation)\b|Exceptions? :"
    # Spanish
    r"|(?:Esto|Est[ae]s? [^\W\d_]+|Lo anterior)[^.;:\n]{0,20}? no (?:se aplican?|será aplicable|rige|vale)\b"
    r"|(?:Sin embargo|No obstante|Pero)\b[^.;:\n]{1,100}? no (?:se|es|son|est[áa]n?)"
    r" (?:\w+[ae]d[oa]s?|\w+n|posibles?|válid[oa]s?)\b"
    r"|(?:Quedan?|Están?) (?:excluid|exent)[oa]s?\b|Se exceptúan?\b|Salvo\b|Excepto\b|Excepción:"
    # Italian
    r"|(?:Ciò|Questo|Quest[aei] [^\W\d_]+|Tal[ei] [^\W\d_]+) non (?:si applica(?:no)?|vale|valgono)\b"
    r"|(?:Sono|È) esclus[aeio]\b|Fa(?:nno)? eccezione\b|Eccezion[ei]:"
    # Russian, Japanese and Chinese
    r"|(?:Это|Данн\w+ \w+|Указанн\w+ \w+)[^.;:\n]{0,30}? не (?:распространя|относи|применя|действу)|Исключени[ея]\b"
    r"|За исключением\b|ただし|但し|例外|但(?=[^。\n]{0,40}(?:除外|例外))"
)
"""How a sentence begins that takes back part of what the one before it says."""

OPENS = ("Unless", "Es sei denn", "Sauf", "Salvo", "Excepto")
"""How an exception begins that speaks of what follows it, where it begins a paragraph."""

POINTS_BACK = re.compile(
    r"\b(?:for|after|before|until|within|above|below|under|by|exceeds?|exceeding) (?:that|this) "
    r"(?:time|period|date|deadline|limit|amount|sum|threshold|temperature|distance|age)\b(?! (?:of|when|that)\b)"
    r"|\b(?:in|nach|vor|während|binnen|innerhalb|bis zu|über|unter) diese[rmns]? "
    r"(?:Zeit|Zeitraums?|Zeitpunkt|Frist|Betrag|Summe|Grenze|Temperatur)\b"
)
"""What a sentence says that only the one before it explains."""

_MEANS = (
    "means?|shall mean|includes?|refers? to|has the meaning|is defined|bedeutet|bezeichnet|meint|umfasst|ist|sind"
    "|désigne|signifie|s['’]entend|comprend|significa|designa|comprende|incluye|indica|include"
)
DEFINES = re.compile(
    r"(?:[ \t]*\(?\w{1,4}[.)][ \t]+)?(?:"
    r"(?:[\"“”„«‘*_]{1,3}|The term [\"“])[^\"“”«»’*_\n]{1,80}[\"”“»’*_]{1,3}"
    rf"[^.;:\n]{{0,60}}? (?:{_MEANS})\b|[「“][^」”\n]{{1,40}}[」”](?:とは|是指|指)"
    r"|(?!This|That|It|Which|Dies|Das|Cela|Esto|Eso|Ciò)[^\W\d_a-z][\w’' -]{0,60}? "
    r"(?:shall mean|means (?:an?|any|the|all|each|every))\b)"
)
"""How a sentence begins that defines a term."""

OF_TERM = re.compile(
    r"(?:It|They|(?:Th(?:is|ese|e)|Such) (?:terms?|definitions?|expressions?|words?|persons?)"
    r"|This (?:also )?(?:includes|excludes|covers)"
    r"|Er|Sie|Es|Diese[rs]? (?:Begriff|Ausdruck|Bezeichnung|Definition)|(?:Nicht )?[Dd]azu (?:gehör|zähl)\w+|Hierunter"
    r"|Ils?|Elles?|Ce terme|Cette (?:expression|définition)"
    r"|Este término|Esta (?:expresión|definición)|(?:No )?[Ii]ncluye|(?:No )?[Cc]omprende"
    r"|Ess[oaie]|Questo termine|Non (?:comprende|include))\b|この用語|これには|该术语|本术语|它|不包括"
)
"""How a sentence below that one begins which speaks of the term."""

CORRECTS = re.compile(
    r"[*_\[(]{0,3}(?:(?:EDIT|UPDATE|Edit|Update|Edited|Updated)(?: \d{1,2})?|(?:Correction|CORRECTION|Corrigend(?:um|a)"
    r"|Errat(?:um|a)(?: corrige)?|ERRATUM|Nachtrag|NACHTRAG|Korrektur|Berichtigung|Correctif|Rectificatif|Corrección"
    r"|Rectificación|Fe de erratas|Correzione|Rettifica)\b|(?:訂正|更正|勘误|修正|追記))"
    r"(?:[ ,(（](?:[^\n:：.]|(?<=\d)\.){0,40})?[*_\])]{0,3}[:：][ \t]*(?:[*_\])]{1,3}[ \t]*)?(?=[^\s*_])"
)
"""How a paragraph begins that corrects what stands above it, or takes it back."""
