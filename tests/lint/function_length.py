#!/usr/bin/env python3
"""A function of the product is at most 60 lines long, from its first line to its closing brace.

A longer one that is better whole says why in a comment of this form, inside its body or right above it:

    // Long: one case for each command.

Usage: function_length.py FOLDER..., or --list FOLDER... for the longest ones, or --self-test.
"""
import pathlib
import re
import sys

MOST = 60
ALLOWED = re.compile(r"//\s*Long: \S+")
# A brace that opens one of these is no function's.
SCOPE = re.compile(r"^\s*(?:inline\s+)?(?:namespace|class|struct|enum|union|extern\b|template\s*<[^;{]*>\s*(?:class|struct))\b")
INITIALISER = re.compile(r"(?:=|\breturn)\s*$")
NAME = re.compile(r"([~\w:<>]+|operator\s*\S+)\s*\(")


def blank_out(text):
    """Text and comments become blanks, so that braces in them do not count; line ends stay."""
    pattern = re.compile(
        r'R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|'
        r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|//[^\n]*|/\*.*?\*/", re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def functions(text):
    """Yields (first line, last line, name) of every function body outside other functions."""
    code = blank_out(text)
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), code, flags=re.M)
    scopes = []  # of every open brace: None for a namespace or class, else where the function's head begins
    head = 0     # where the statement that the next brace belongs to began
    parens = 0
    for at, c in enumerate(code):
        if c in "([":
            parens += 1
        elif c in ")]":
            parens -= 1
        elif c == ";" and parens == 0:
            head = at + 1
        elif c == "{":
            inside = any(scope is not None for scope in scopes)
            before = code[head:at]
            if inside or parens > 0:
                scopes.append(None if not inside else "inner")
            elif SCOPE.match(re.sub(r"^\s+", "", before)) or INITIALISER.search(before) or "(" not in before:
                scopes.append(None)
            elif re.search(r"[\w>]\s*$", before) and re.search(r"\)\s*(?:noexcept\s*)?:\s*[^;]*$", before) and not re.search(
                    r"[)}]\s*$", before):
                scopes.append("member")  # x_{…} in a constructor's list: no body
            else:
                scopes.append((head, before))
            if scopes[-1] is None and parens == 0:
                head = at + 1
        elif c == "}":
            scope = scopes.pop() if scopes else None
            if isinstance(scope, tuple):
                start, before = scope
                start += len(before) - len(before.lstrip())
                first, last = code.count("\n", 0, start) + 1, code.count("\n", 0, at) + 1
                name = NAME.search(before)
                yield first, last, name.group(1) if name else before.strip()[:40]
            if scope != "member" and scope != "inner" and parens == 0:
                head = at + 1


def is_allowed(lines, first, last):
    above = first - 2  # index of the line above
    while above >= 0 and lines[above].lstrip().startswith("//"):
        above -= 1
    return any(ALLOWED.search(line) for line in lines[above + 1:last])


def find(folders):
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp"):
                text = path.read_text(encoding="utf-8")
                lines = text.splitlines()
                for first, last, name in functions(text):
                    yield last - first + 1, path, first, name, is_allowed(lines, first, last)


def self_test():
    body = "  f(\"{\");  // }\n" * 58
    def lengths(text):
        return [(name, last - first + 1) for first, last, name in functions(text)]
    assert lengths("namespace a {\nint f() {\n" + body + "}\n}\n") == [("f", 60)]
    assert lengths("struct S {\n  S() : a_{1},\n        b_{g(2)} {\n" + body + "  }\n  int a_{0};\n};\n") == [("S", 61)]
    assert lengths("const std::string k{\n\"a\"};\nauto t = make({\n {1, [](int x) { return x; }},\n});\nvoid g()\n{\n}\n") == [
        ("g", 3)]
    assert lengths("enum class E { a, b };\ntemplate <class T>\nT h(T t) {\n  if (t) {\n  }\n  return t;\n}\n") == [("h", 6)]
    assert lengths("const char c = '{';\nint n = 1'000;\nvoid i() {\n}\n") == [("i", 2)]
    long = ("int f() {\n" + "  g();\n" * 70 + "}\n").splitlines()
    assert not is_allowed(long, 1, 72)
    assert is_allowed(["// Long: one case for each code."] + long, 2, 73)


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    shows_all = sys.argv[1:2] == ["--list"]
    found = sorted(find(sys.argv[1 + shows_all:]), key=lambda each: (-each[0], each[1:4]))
    if not found:
        sys.exit("no function found")
    if shows_all:
        for length, path, line, name, allowed in found[:40]:
            print(f"{length:4} {path}:{line} {name}{' (allowed)' if allowed else ''}")
        return
    long = [each for each in found if each[0] > MOST and not each[4]]
    for length, path, line, name, _ in long:
        print(f"{path}:{line}: {name} has {length} lines, {MOST} at most; split it, or say why not: // Long: …")
    sys.exit(bool(long))


main()
