#!/usr/bin/env python3
"""What the project refers to is there: every page (NAME.md) that a file mentions, every section of docs/platform.md
that is cited, every heading that a link between pages names, and every source file named with its folder.

Usage: references.py ROOT; or --self-test.
"""
import pathlib
import re
import sys
import tempfile

FOLDERS = ("src", "include", "tests", "docs", "schema", "jobs", "packaging", "scripts", "cmake", ".ci")
PAGE = re.compile(r"(?<![\w./*-])((?:[\w.-]+/|/)*[\w-]+\.md)\b")  # one outside ASCII is a source's, not ours
ROOT_VARIABLE = re.compile(r"\$\{?\w+\}?/")
CITED = re.compile(r"\bplatform\.md,?\s+(?:sections?\s+)?(\d+(?:\.\d+)?(?:(?:,| to| and|, and)\s+\d+(?:\.\d+)?)*)")
LINE_BREAK = re.compile(r"[ \t]*\n[ \t]*(?://+|#+|--)?[ \t]*")  # in a comment too
LINK = re.compile(r"\]\(([^()\s]*?)(?:#([^()\s]+))?\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.M)
# "src/run/runner.cpp", "include/cardvoid/…", and "run/runner.cpp" for short; NAME stands for any.
SOURCE = re.compile(r"(?<![\w./*>-])((?:src|include|tests|scripts|schema|cmake|packaging)/[\w./-]+\.(?:cpp|hpp|sql|json|sh|py|cmake))\b")
SHORT = re.compile(r"(?<![\w./*>-])((?:base|model|dispatch|wechatpay|sqlite|net|job|input|ledger|run|report|sandbox|cli)/\w+\.[ch]pp)\b")
ROOMS = ("src", "include/cardvoid", "tests", "tests/unit", "tests/component")
INSTALLED = "/usr/share/doc/cardvoid/"
ABROAD = re.compile(r"\b\w+://\S+")


def files(root):
    for path in sorted(root.iterdir()):
        if path.is_file():
            yield path
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path != pathlib.Path(__file__).resolve():
                yield path


def headings(page):
    return HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M))


def anchors(page):
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings(page)}


def find_bad(root):
    every = list(files(root))
    pages = [path for path in every if path.suffix == ".md"]
    names = {path.name for path in pages}
    relative = {str(path.relative_to(root)) for path in pages}
    platform = root / "docs" / "platform.md"
    sections = {m for each in (headings(platform) if platform.exists() else []) for m in re.findall(r"^(\d+(?:\.\d+)?)\b", each)}
    bad = []
    for path in every:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        here = path.relative_to(root)
        for page in filter(str.isascii, PAGE.findall(ROOT_VARIABLE.sub("", ABROAD.sub("", text)))):
            beside = (path.parent / page).resolve()
            is_there = page in names if "/" not in page else (
                page in relative or beside in pages or page.startswith(INSTALLED) and page[len(INSTALLED):] in relative)
            if not is_there:
                bad.append(f"{here}: there is no {page}")
        if here.parts[:2] != ("tests", "lint"):  # its self-tests make files up
            for source in SOURCE.findall(text):
                if "NAME" not in source and not (root / source).exists():
                    bad.append(f"{here}: there is no {source}")
            for source in SHORT.findall(text):
                if not any((root / room / source).exists() for room in ROOMS):
                    bad.append(f"{here}: there is no {source} in any room")
        for cited in CITED.findall(LINE_BREAK.sub(" ", text)):
            for section in re.findall(r"\d+(?:\.\d+)?", cited):
                if section not in sections and not is_item(platform, section):
                    bad.append(f"{here}: docs/platform.md has no section {section}")
        if path.suffix == ".md":
            for page, anchor in LINK.findall(re.sub(r"`[^`\n]*`", "", text)):
                target = (path.parent / page).resolve() if page else path.resolve()
                if "://" in page:
                    continue
                if not target.exists():
                    bad.append(f"{here}: the link to {page} leads nowhere")
                elif anchor and anchor not in anchors(target):
                    bad.append(f"{here}: {page or 'this page'} has no heading #{anchor}")
    return bad


def is_item(platform, section):
    """Sections that are numbered lists: 12.3 is item 3 of section 12."""
    chapter, _, item = section.partition(".")
    if not item or not platform.exists():
        return False
    parts = re.split(r"^## (\d+)\. .*$", platform.read_text(encoding="utf-8"), flags=re.M)
    return any(number == chapter and re.search(rf"^{item}\. ", body, re.M) for number, body in zip(parts[1::2], parts[2::2]))


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        (root / "docs").mkdir()
        (root / "src").mkdir()
        (root / "docs/platform.md").write_text("# P\n## 1. One\n### 1.2 Two\n## 12. Open\n1. a\n2. b\n", encoding="utf-8")
        (root / "docs/a.md").write_text("# A page\n## What to do, now\n[here](#what-to-do-now) [p](platform.md)\n", encoding="utf-8")
        (root / "src/run").mkdir()
        (root / "src/run/b.cpp").write_text("", encoding="utf-8")
        good = "// src/run/b.cpp, run/b.cpp and src/cli/NAME.cpp; docs/a.md, platform.md section\n// 1.2; platform.md sections 1 and 12.2; https://x.example/b.md\n"
        (root / "src/a.cpp").write_text(good, encoding="utf-8")
        assert not find_bad(root), find_bad(root)
        for wrong in ("// src/run/c.cpp\n", "// run/c.cpp\n", "// b.md\n", "// docs/b.md\n", "// platform.md section 1.3\n", "// platform.md 2\n",
                      "// platform.md sections 1 and 3\n", "// platform.md\n// section 7\n"):
            (root / "src/a.cpp").write_text(good + wrong, encoding="utf-8")
            assert len(find_bad(root)) == 1, (wrong, find_bad(root))
        (root / "src/a.cpp").write_text(good, encoding="utf-8")
        for wrong in ("[x](#nowhere)\n", "[x](platform.md#two)\n", "[x](../gone.txt)\n"):
            (root / "README.md").write_text(wrong.replace("(platform", "(docs/platform"), encoding="utf-8")
            assert len(find_bad(root)) == 1, (wrong, find_bad(root))


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    bad = find_bad(pathlib.Path(sys.argv[1]).resolve())
    print("\n".join(bad))
    sys.exit(1 if bad else 0)


main()
