"""How prompts mark their question, their options and what follows, as patterns."""

import re

_LINES = re.IGNORECASE | re.MULTILINE
_MARK = r"[*_]{0,3}"
_LEAD = rf"^[ \t]{{0,8}}(?:#{{1,6}}[ \t]*)?{_MARK}"
_COLON = rf"{_MARK}[ \t]*[:：]{_MARK}"
_ASKED = r"(?:(?:the|my|user|user's|current|new|final|input)[ ])?(?P<{0}>question|query|q|task|问题|問題|提问|質問)"
_WORD = _ASKED + r"(?:[ \t]?\d{{1,3}})?"
LABEL = re.compile(
    rf"{_LEAD}{_WORD.format('plain')}{_COLON}"
    rf"|^[ \t]{{0,8}}(?:#{{1,6}}[ \t]*{_MARK}|\*\*){_WORD.format('heading')}{_MARK}[^\S\n]*$"
    r"|^[ \t]{0,8}<(?P<tag>question|query)>",
    _LINES,
)
_CUE_WORD = r"(?:\w{1,20}[ ]){0,3}(?:answer|response|summary|solution|output|type)(?:[ ]is)?|a|回答|答案|答え|解答|答"
CUE = re.compile(rf"{_LEAD}(?:{_CUE_WORD})(?:[ \t]?\d{{1,3}})?{_COLON}", _LINES)
_TAGS_ALONE = r"(?:</?[^<>\n]{1,60}>|\[/?\w{1,20}\])+[^\S\n]*\w{0,12}"
_WORDS_AND_COLON = r"[^\W\d_][^\s:：]{0,30}(?:[ \t]+[^\s:：]{1,30}){0,3}[ \t]*[:：][\"'`*_]*"
CLOSER = re.compile(rf"[ \t]*(?:#{{1,6}}[ \t]*)?{_MARK}(?:{_TAGS_ALONE}|{_WORDS_AND_COLON})[^\S\n]*\Z")
"""A last line that says where the answer goes, in any language."""
TAGS = re.compile(r"</?[A-Za-z|][^<>\n]{0,60}>|\[/?INST\]")
TAG_AND_CUE = re.compile(rf"(?:\s*</(?:question|query)>)?(?P<cue>\s*{CUE.pattern})?", _LINES)
_DOCUMENTS = (
    r"contexts?|documents?|docs|passages?|sources?|articles?|texts?|references?|background|excerpts?|content|input|data"
    r"|kontext|contexte|contexto|上下文|文章|资料|文脈|文書"
)
_NUMBER = r"(?:[ \t]?(?:\d{1,3}|[A-Z]\b))?"
CONTEXT = re.compile(
    rf"{_LEAD}(?:{_DOCUMENTS}){_NUMBER}{_COLON}"
    rf"|^[ \t]{{0,8}}#{{1,6}}[ \t]*{_MARK}(?:{_DOCUMENTS}){_NUMBER}{_MARK}[^\S\n]*$"
    rf"|{_LEAD}(?:(?:{_DOCUMENTS})[ \t]*)?\[\d{{1,3}}\]",
    _LINES,
)
INTRODUCED = re.compile(rf"{CONTEXT.pattern}|^[^\s:：][^\n:：]{{0,60}}[:：][^\S\n]*$", _LINES)
RULE = re.compile(r"^[ \t]*(?P<mark>[-=_*~#`\"'+])(?P=mark){2,}\w*[^\S\n]*$", re.MULTILINE)
TAG = re.compile(r"^[ \t]*<(?P<close>/?)(?P<name>[A-Za-z][\w:.-]{0,40})(?:[ \t][^<>\n]{0,200})?>", re.MULTILINE)
BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
PARAGRAPH_END = re.compile(rf"{BLANK_LINE.pattern}|{RULE.pattern}", re.MULTILINE)
BLOCK_END = re.compile(
    rf"{PARAGRAPH_END.pattern}|{CONTEXT.pattern}|{CUE.pattern}|</(?:question|query)>"
    r"|<\|[^|\n]{1,40}\|>|\[/INST\]",
    _LINES,
)
# "Let's think step by step" and a chat template's own marks answer nothing.
ANSWERED = re.compile(r"[^\S\n]*(?:\n[^\S\n]*)?(?!let['’]?s\b|<\||\s)(?=.)", re.IGNORECASE)
OPTION = re.compile(
    rf"^[ \t]{{0,8}}(?:[-*][ \t]+)?{_MARK}(?:[(（\[]([A-Z])[)）\]]|([A-Z])[.)、．])(?=[^\S\n]|[^\x00-\x7f]|\*)",
    re.MULTILINE,
)
OPTION_TALK = re.compile(r"\b(?:options?|choices?|letters?|answers?)\b|选项|選択肢|答案", re.IGNORECASE)

_CLOSERS = r"[\"'”’»)\]」』*_]*"
QUESTION_MARK = re.compile("[?？؟]")
QUESTION = re.compile(rf"[?？؟]{_CLOSERS}\s*\Z")
BEGUN_ANSWER = re.compile(rf"[?？؟]{_CLOSERS}\s[^.!?。！？؟]*\Z")  # RULER: "What is the number for X? The number is"
INSTRUCTION = re.compile(
    r"(?:(?:based on|according to|using|given|from|in|with|after)\b[^,.\n]{1,160},\s*)?"
    r"(?:(?:please|now|then|finally|next|so|can you|could you)\b[,\s]*){0,3}"
    r"(?:answer|analy[sz]e|calculate|choose|classify|compare|complete|compute|count|define|describe|determine|discuss"
    r"|enter|evaluate|explain|extract|find|fix|generate|give|identify|implement|list|locate|name|outline|predict|provide"
    r"|quote|rank|repeat|return|rewrite|select|show|solve|state|suggest|summari[sz]e|tell|translate|write"
    r"|(?:what|who|whom|whose|when|where|why|which|how)\b(?!.*\.\Z))\b(?!\s*:)"
    r"|(?:现在|那么)?(?:请|請|根据|总结|概括|回答|说明|解释|翻译|列出)|[^。！？]*(?:ください|なさい|せよ)[。．]?\Z",
    re.IGNORECASE | re.DOTALL,
)
SEVERAL_SENTENCES = re.compile(rf"[.!?]{_CLOSERS}\s+\S|[。！？]{_CLOSERS}\s*[^\s\"'”’»)\]」』*_]")
