"""Reads a file of Prometheus' text format with the Prometheus client's own parser and prints each sample as
NAME{LABEL=VALUE,...} VALUE, labels sorted, and each family as TYPE NAME TYPE. Checks what the parser does not."""
import sys

from prometheus_client.parser import text_string_to_metric_families

text = open(sys.argv[1], encoding="utf-8").read()
assert text.endswith("\n") and "\r" not in text
seen = set()
for family in text_string_to_metric_families(text):
    assert family.name not in seen, family.name + " comes twice"
    seen.add(family.name)
    assert family.type in ("gauge", "counter", "histogram"), family.name + " has no type"
    assert family.documentation, family.name + " has no help"
    assert family.samples, family.name + " has no sample"
    print("TYPE", family.name, family.type)
    for sample in family.samples:
        assert sample.timestamp is None, "node_exporter refuses timestamps"
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in seen, f"{key} comes twice"
        seen.add(key)
        labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        print(f"{sample.name}{{{labels}}} {sample.value!r}")
