"""Prints "LABEL NAME" for each test of ctest's JSON list on standard input."""
import json
import sys

for test in json.load(sys.stdin)["tests"]:
    labels = [p["value"] for p in test.get("properties", []) if p["name"] == "LABELS"]
    print(" ".join(labels[0] if labels else ["-"]), test["name"])
