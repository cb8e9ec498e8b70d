#!/usr/bin/env python3
"""The exit codes of `cardvoid --help` stand in README.md, README.zh-CN.md and docs/exit-codes.md: no more and no fewer.

A page's table has one line for each code, `| 64 | … |`; of a page without such a table a link to docs/exit-codes.md
is expected. Usage: exit_codes.py CARDVOID ROOT, or --self-test.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

PAGES = ("README.md", "README.zh-CN.md", "docs/exit-codes.md")


def of_help(text):
    table = text[text.index("\nExit codes:\n"):]
    return [int(code) for code in re.findall(r"^ {2,4}(\d{1,3}) {2,}\S", table, re.M)]


def of_page(text):
    return [int(code) for code in re.findall(r"^\| *`?(\d{1,3})`? *\|", text, re.M)]


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
        if told != codes:
            yield f"{name} has {told}, `cardvoid --help` has {codes}"


def self_test():
    assert of_help("x\n\nExit codes:\n   0  done\n      more\n  64  usage\n\nend\n") == [0, 64]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs").mkdir()
        table = "| code | meaning |\n|---|---|\n| 0 | done |\n| 64 | usage |\n"
        for name in PAGES:
            (root / name).write_text(table)
        assert not list(faults([0, 64], root))
        assert len(list(faults([0, 64, 65], root))) == 3
        (root / "README.md").write_text("See [exit codes](docs/exit-codes.md).")
        assert not list(faults([0, 64], root))
        (root / "docs/exit-codes.md").write_text("| 0 | done |\n")
        assert len(list(faults([0, 64], root))) == 1


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    program, root = sys.argv[1:]
    codes = of_help(subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout)
    found = list(faults(codes, root)) if codes else ["`cardvoid --help` has no exit codes"]
    sys.exit("\n".join(found) or 0)


main()
