"""SQL as words and signs, each with whether it is quoted: enough to tell parts of a statement apart."""

import re
from dataclasses import dataclass

_WORD = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<body>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<text>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*")
    |(?P<word>[A-Za-z_][\w$]*)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<sign>::|<>|<=|>=|!=|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Word:
    """One word of SQL as it is written; `kind` is the name of the group above."""

    text: str
    kind: str

    def says(self, *keywords: str) -> bool:
        """Whether it is one of these keywords."""
        return self.kind == "word" and self.text.upper() in keywords


def split(sql: str) -> list[Word]:
    """The words of a statement, space and comments left out."""
    return [Word(found.group(), str(found.lastgroup)) for found in _WORD.finditer(sql) if found.lastgroup != "space"]


def join(words: list[Word]) -> str:
    """The words as SQL."""
    return " ".join(word.text for word in words)


def statements(sql: str) -> list[str]:
    """The statements of a text, told apart by `;` outside of quotes."""
    found: list[list[Word]] = [[]]
    for word in split(sql):
        if word.text == ";" and word.kind == "sign":
            found.append([])
        else:
            found[-1].append(word)
    return [join(words) for words in found if words]


def parts(words: list[Word]) -> list[list[Word]]:
    """What commas outside of parentheses separate."""
    depth = 0
    found: list[list[Word]] = [[]]
    for word in words:
        depth += {"(": 1, ")": -1}.get(word.text, 0) if word.kind == "sign" else 0
        if word.text == "," and depth == 0:
            found.append([])
        else:
            found[-1].append(word)
    return found


def closing(words: list[Word], start: int) -> int:
    """Where the parenthesis at `start` is closed."""
    depth = 0
    for index in range(start, len(words)):
        if words[index].kind == "sign":
            depth += {"(": 1, ")": -1}.get(words[index].text, 0)
        if depth == 0:
            return index
    raise ValueError("a parenthesis is not closed")
