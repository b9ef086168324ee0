"""Reads the #include lines under src/ and include/ and the table layering.txt: fails on an arrow
that the table does not allow, on a room without a row, and on a table whose own arrows point up.

usage: layering_test.py ROOT
"""
import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
TABLE = pathlib.Path(__file__).with_name("layering.txt")


def read_table(text):
    """{room: (layer, rooms it may include)} and what is wrong with the table itself."""
    rooms, wrong = {}, []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            left, right = line.split(":")
            layer, room = left.split()
            rooms[room] = (int(layer), set(right.split()))
    for room, (layer, allowed) in rooms.items():
        for other in sorted(allowed):
            if other not in rooms:
                wrong.append(f"layering.txt: {room} names {other}, which has no row")
            elif rooms[other][0] >= layer:
                wrong.append(f"layering.txt: {room} to {other} does not point down")
    return rooms, wrong


def place(path):
    """Room and, inside formats/, the format's own folder ('' for the registry beside them)."""
    parts = pathlib.PurePosixPath(path).parts
    return parts[0], parts[1] if parts[0] == "formats" and len(parts) > 2 else ""


def arrows(root):
    """(file, line number, path of the file in its source root, included path) of every include."""
    for top in ("src", "include"):
        base = root / top
        for file in sorted(base.rglob("*")):
            if file.suffix not in (".h", ".cpp", ".inc", ".def"):
                continue
            own = file.relative_to(base)
            for number, line in enumerate(file.read_text().splitlines(), 1):
                if match := INCLUDE.match(line):
                    target = match.group(1)
                    beside = "/" not in target and (file.parent / target).exists()
                    yield file, number, own, str(own.parent / target) if beside else target


def check(root, rooms):
    wrong = []
    for file, number, own, target in arrows(root):
        room, part = place(own.as_posix())
        other, other_part = place(target)
        where = f"{file.relative_to(root)}:{number}: "
        if room not in rooms:
            wrong.append(where + f"room {room} has no row in layering.txt")
        elif "/" not in target:
            wrong.append(where + f'"{target}" is not written as ROOM/FILE')
        elif other == room:
            if part and other_part and part != other_part:
                wrong.append(where + f"formats/{part} includes formats/{other_part}")
        elif other not in rooms[room][1]:
            wrong.append(where + f"{room} may not include {other} ({target})")
    return wrong


PLANTED = {  # file, include, whether it must be refused
    ("src/codec/q8_0.cpp", "tensor/codec.h"): False,
    ("src/formats/gguf/gguf.cpp", "formats/format.h"): False,
    ("src/formats/formats.cpp", "formats/gguf/gguf.h"): False,
    ("src/cli/main.cpp", "recast/convert.h"): False,
    ("src/tensor/shape.cpp", "codec/codecs.h"): True,  # up
    ("src/wire/json.cpp", "codec/codecs.h"): True,  # sideways
    ("src/formats/gguf/gguf.cpp", "formats/hf/hf.h"): True,  # one format to another
    ("src/formats/gguf/gguf.cpp", "arch/architecture.h"): True,  # formats do not know architectures
    ("src/quantize/rtn.cpp", "formats/format.h"): True,
    ("src/helpers/text.cpp", "base/error.h"): True,  # a room without a row
}


def self_test(rooms):
    """The check finds what is planted and only that."""
    for (file, include), refused in PLANTED.items():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, file)
            path.parent.mkdir(parents=True)
            path.write_text(f'#include <vector>\n#include "{include}"\n')
            if bool(check(pathlib.Path(folder), rooms)) != refused:
                return [f"self-test: {file} including {include} should be "
                        f"{'refused' if refused else 'accepted'}"]
    upward = read_table("0 base: io\n1 io: base\n")[1]
    return [] if upward else ["self-test: a table that points up is accepted"]


def main(root):
    rooms, wrong = read_table(TABLE.read_text())
    wrong += self_test(rooms)
    found = sum(1 for _ in arrows(root))
    if found == 0:
        wrong.append(f"no #include found under {root}/src")
    wrong += check(root, rooms)
    print("\n".join(wrong) or f"{found} includes follow layering.txt")
    return 1 if wrong else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
