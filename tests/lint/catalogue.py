#!/usr/bin/env python3
"""Formats every message of a catalogue once, in both languages: the same values must fit.

    catalogue.py FILE.mo      0: all fit
    catalogue.py --self-test  shows that it sees what it must
"""
import gettext
import re
import string
import sys


def fields(text):
    """[(place, conversion and specification)], sorted; places that are not written are counted."""
    found, automatic = [], 0
    for _, name, specification, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if name == "":
            name, automatic = str(automatic), automatic + 1
        found.append((name, (conversion or "") + ":" + (specification or "")))
    return sorted(found)


def formatted(text):
    """Text, with a value of the kind that each place asks for."""
    values = {}
    for place, specification in fields(text):
        values[place] = 2.5 if re.search(r"[efg]$", specification) else 7 if re.search(r"[dxXo]$", specification) else "x"
    most = max((int(place) for place in values if place.isdigit()), default=-1)
    return text.format(*[values.get(str(place), "x") for place in range(most + 1)],
                       **{k: v for k, v in values.items() if not k.isdigit()})


def fault(english, chinese):
    try:
        missing = set(fields(english)) - set(fields(chinese))
        extra = set(fields(chinese)) - set(fields(english))
        if missing or extra:
            return f"other values than the English: missing {sorted(missing)}, extra {sorted(extra)}"
        formatted(english), formatted(chinese)
        if set(re.findall(r"\{\{\w+\}\}", english)) != set(re.findall(r"\{\{\w+\}\}", chinese)):
            return "other names of the page than the English"
    except (ValueError, KeyError, IndexError) as why:
        return str(why)
    if bool(english[-1:].isspace()) != bool(chinese[-1:].isspace()):
        return "only one of the two ends in a blank or a line break"
    return None


def self_test():
    good = [("{} of {}", "{1} 中的 {0}"), ("{:.1f}/s", "每秒 {:.1f}"), ("plain", "普通")]
    bad = [("{} of {}", "{}"), ("{:.1f}", "{:d}"), ("{}", "{0} {1}"), ("a {", "甲 {"), ("a\n", "甲"), ("{{cards}} end", "{{card}} 作废")]
    return all(fault(*pair) is None for pair in good) and all(fault(*pair) for pair in bad)


def main(arguments):
    if arguments == ["--self-test"]:
        return 0 if self_test() else 1
    with open(arguments[0], "rb") as file:
        messages = gettext.GNUTranslations(file)._catalog
    faults = 0
    for english, chinese in messages.items():
        english = english[0] if isinstance(english, tuple) else english
        if english and (why := fault(english, chinese)):
            faults += 1
            print(f"{english!r}\n  {chinese!r}\n  {why}", file=sys.stderr)
    print(f"{len(messages)} messages formatted, {faults} with a fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
