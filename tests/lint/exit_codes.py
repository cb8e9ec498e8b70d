#!/usr/bin/env python3
"""The exit codes of `cardvoid --help` stand in both READMEs and in both pages exit-codes.md: no more and no fewer,
and in the English pages with the same meaning.

A page's table has one line for each code, `| 64 | … |`; of a page without such a table a link to docs/exit-codes.md
is expected. Usage: exit_codes.py CARDVOID ROOT, or --self-test.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

PAGES = ("README.md", "README.zh-CN.md", "docs/exit-codes.md", "docs/zh-CN/exit-codes.md")


def of_help(text):
    """Code → meaning, whose lines are joined."""
    table = re.sub(r"\n {5,}", " ", text[text.index("\nExit codes:\n"):])
    return {int(code): meaning for code, meaning in re.findall(r"^ {2,4}(\d{1,3}) {2,}(\S.*)$", table, re.M)}


def of_page(text):
    """Code → the other cells."""
    lines = re.findall(r"^\| *`?(\d{1,3})`? *\|(.*)\|$", text, re.M)
    return {int(code): [cell.strip() for cell in cells.split("|")] for code, cells in lines}


def faults(codes, root):
    for name in PAGES:
        page = pathlib.Path(root) / name
        if not page.exists():
            if name.startswith("docs/"):
                continue
            yield f"{name}: not there"
            continue
        text = page.read_text(encoding="utf-8")
        told = of_page(text)
        if not told and name.startswith("README") and "docs/exit-codes.md" in text:
            continue
        if list(told) != list(codes):
            yield f"{name} has {list(told)}, `cardvoid --help` has {list(codes)}"
            continue
        for code, meaning in codes.items():
            if "zh-" not in name and meaning not in told[code]:
                yield f"{name} does not say of {code}, as `cardvoid --help` does: {meaning}"


def self_test():
    codes = {0: "done more", 64: "usage"}
    assert of_help("x\n\nExit codes:\n   0  done\n      more\n  64  usage\n\nend\n") == codes
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs/zh-CN").mkdir(parents=True)
        table = "| code | meaning |\n|---|---|\n| 0 | done more |\n| 64 | usage |\n"
        for name in PAGES:
            (root / name).write_text(table)
        assert not list(faults(codes, root))
        assert len(list(faults(codes | {65: "input"}, root))) == 4
        assert len(list(faults(codes | {64: "the command line"}, root))) == 2
        (root / "README.md").write_text("See [exit codes](docs/exit-codes.md).")
        assert not list(faults(codes, root))
        (root / "docs/exit-codes.md").write_text("| 0 | done more |\n")
        assert len(list(faults(codes, root))) == 1


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    program, root = sys.argv[1:]
    codes = of_help(subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout)
    found = list(faults(codes, root)) if codes else ["`cardvoid --help` has no exit codes"]
    sys.exit("\n".join(found) or 0)


main()
