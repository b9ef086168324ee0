"""Checks what README.md and docs/ say against the files and the program.

- A relative link leads to a file or folder, "#..." to a heading of it.
- A table behind "<!-- table: NAME -->" is what recast list NAME prints, with the columns that its
  head names; with --tables the tables are printed as they should be, with --write the pages get them.
- A ```cpp block begins with "// PATH"; the rest of it stands in that file word for word.
- A path of this repository between backticks exists, and so does a script in a table of tests.
- In a ```sh block every recast command is one that readme.py runs: it stands behind "$ ".

usage: RECAST=build/release/recast docs.py [--tables | --write] ROOT
"""
import json
import os
import pathlib
import re
import subprocess
import sys

# Columns of a table: the words of the document, as people read them.
TABLES = {
    "formats": {"Format": "name", "Also called": "aliases", "On disk": "on_disk", "Read": "read",
                "Write": "write"},
    "types": {"Type": "name", "Bits a weight": "bits_per_weight", "Values in a block": "block",
              "Bytes of a block": "bytes", "Written from floats": "encode", "In": "targets"},
    "archs": {"Architecture": "name", "In GGUF": "gguf", "Classes": "classes"},
    "archs in gguf": {"Architecture": "name", "Not held": "lost", "Ignored or refused": "limits"},
}


def cell(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ("; " if any(", " in str(v) for v in value) else ", ").join(map(str, value))
    return str(value)


def table(program, name):
    rows = json.loads(subprocess.check_output([program, "list", name.split()[0], "--json"]))
    columns = TABLES[name]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell(row[key]) for key in columns.values()) + " |" for row in rows]
    return "\n".join(lines)


def anchors(text):
    """Of the headings, as code hosts make them."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for heading in re.findall(r"^#+ +(.*?)\s*$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def bad_links(page, text):
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists():
            yield f"no file {target}"
        elif anchor and anchor not in anchors(file.read_text()):
            yield f"no heading {target}"


TABLE = re.compile(r"^<!-- table: ([\w ]+) -->\n((?:\|.*\n)*)", re.M)


def write_tables(program, pages):
    for page in pages:
        text = page.read_text()
        page.write_text(TABLE.sub(
            lambda m: f"<!-- table: {m[1]} -->\n{table(program, m[1])}\n", text))


def bad_tables(program, text):
    for name, body in TABLE.findall(text):
        if body.strip() != table(program, name):
            yield f"the table of {name} is not what recast list {name} prints; see --tables"


def bad_code(root, text):
    for body in re.findall(r"^```cpp\n(.*?)^```", text, re.M | re.S):
        head, _, code = body.partition("\n")
        file = root / head.removeprefix("// ")
        if not head.startswith("// ") or not file.is_file():
            yield f"'{head}' names no file"
        elif code not in file.read_text():
            yield f"code that is not in {head[3:]}:\n{code}"


def bad_names(root, text):
    rooms = "bench|demo|docs|include|scripts|src|test"
    for name in re.findall(rf"`((?:{rooms})/[\w./-]*)`", text):
        if not (root / name).exists() and "NAME" not in name:
            yield f"no {name}"
    for name in re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+){3,})`", text):
        if not (root / "test" / (name + ".sh")).exists():
            yield f"no test {name}"


def bad_commands(text):
    for body in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        if not re.search(r"^\$ ", body, re.M):
            yield f"a block without a command:\n{body}"
        for line in re.findall(r"^recast .*", body, re.M):
            yield f"not run by the test: {line}"


def main(arguments):
    program = pathlib.Path(os.environ["RECAST"]).resolve()
    if arguments[0] == "--tables":
        for name in TABLES:
            print(f"<!-- table: {name} -->\n{table(program, name)}\n")
        return 0
    root = pathlib.Path(arguments[-1]).resolve()
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md")), root / "bench/README.md"]
    if arguments[0] == "--write":
        write_tables(program, pages)
        return 0
    found = {"table": 0, "link": 0, "code": 0}
    wrong = 0
    for page in pages:
        text = page.read_text()
        found["table"] += text.count("<!-- table: ")
        found["link"] += text.count("](")
        found["code"] += text.count("\n```cpp\n")
        for problem in (*bad_links(page, text), *bad_tables(program, text),
                        *bad_code(root, text), *bad_names(root, text), *bad_commands(text)):
            wrong += 1
            print(f"{page.relative_to(root)}: {problem}")
    for what, count in found.items():
        if count < 3:
            wrong += 1
            print(f"only {count} of sort {what}: is the check blind?")
    readme_lines = (root / "README.md").read_text().count("\n")
    if readme_lines > 250:
        wrong += 1
        print(f"README.md has {readme_lines} lines, 250 are allowed")
    print(f"{len(pages)} pages, {found}, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1:]))
