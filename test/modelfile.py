#!/usr/bin/env python3
"""Reads a Modelfile by Ollama's grammar, character by character, and prints its commands as JSON
pairs: [["from", "./a.gguf"], ["stop", "<|im_end|>"], ...]. A parameter is called by its own name.

A command is letters, then a blank; a parameter's name is letters, digits and '_', then a blank. A
value ends at the line break at which what was read so far, without white space at its ends, opens no
quote or closes the quote that it opened (three quotes before one). Characters that do not print are
dropped.

usage: modelfile.py FILE
"""
import json
import sys

COMMANDS = {"from", "license", "template", "system", "adapter", "parameter", "message"}
DROPPED = {chr(c) for c in [*range(32), 127] if chr(c) not in "\n\r\t"}


def unquoted(text):
    """The value, or None while a quote is open."""
    for quote in ('"""', '"'):
        if text.startswith(quote):
            whole = len(text) >= 2 * len(quote) and text.endswith(quote)
            return text[len(quote):-len(quote)] if whole else None
    return text


def word(text, at, allowed):
    start = at
    while at < len(text) and allowed(text[at]):
        at += 1
    if at == start or at == len(text) or text[at] not in " \t":
        raise ValueError(f"no blank behind a word at {start}: {text[start:start + 40]!r}")
    return text[start:at], at + 1


def value(text, at):
    read = ""
    while True:
        if at == len(text) or text[at] in "\r\n":
            whole = unquoted(read.strip())
            if whole is not None:
                return whole, at
            if at == len(text):
                raise ValueError(f"an open quote: {read[:40]!r}")
        if text[at] not in DROPPED:
            read += text[at]
        at += 1


def parse(text):
    out, at = [], 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] == "#":
            while at < len(text) and text[at] not in "\r\n":
                at += 1
        else:
            name, at = word(text, at, lambda c: c.isascii() and c.isalpha())
            name = name.lower()
            if name not in COMMANDS:
                raise ValueError(f"no command: {name}")
            if name == "parameter":
                name, at = word(text, at, lambda c: c.isascii() and (c.isalnum() or c == "_"))
            argument, at = value(text, at)
            out.append((name, argument))
    if "from" not in dict(out):
        raise ValueError("no FROM")
    return out


if __name__ == "__main__":
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        print(json.dumps(parse(file.read())))
