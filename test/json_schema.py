"""Checks JSON documents against a schema in docs/schemas (the keywords that these schemas use).

usage: json_schema.py SCHEMA[#/$defs/NAME] [--lines] < DOCUMENT     --lines: one document a line
"""
import json
import pathlib
import re
import sys

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent / "docs/schemas"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
# Everything else in a schema must be known, or a typing error there would check nothing.
KNOWN = {"$schema", "$ref", "$defs", "title", "description", "type", "required", "properties",
         "additionalProperties", "propertyNames", "items", "anyOf", "allOf", "if", "then", "enum",
         "const", "minimum", "maximum", "pattern"}


def is_type(value, name):
    if name in ("integer", "number"):
        real = isinstance(value, (int, float)) and not isinstance(value, bool)
        return real and (name == "number" or value == int(value))
    return isinstance(value, TYPES[name])


def resolve(reference, document):
    file, _, path = reference.partition("#")
    root = json.loads((SCHEMAS / file).read_text()) if file else document
    schema = root
    for part in filter(None, path.split("/")):
        schema = schema[part]
    return schema, root


def check(value, schema, root, where="$"):
    """Yields what is wrong."""
    unknown = schema.keys() - KNOWN
    if unknown:
        raise SystemExit(f"schema keywords that are not checked: {sorted(unknown)}")
    if "$ref" in schema:
        yield from check(value, *resolve(schema["$ref"], root), where)
    types = schema.get("type", [])
    if types and not any(is_type(value, t) for t in ([types] if isinstance(types, str) else types)):
        yield f"{where}: {json.dumps(value)[:60]} is no {types}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if is_type(value, "number"):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{where}: {value} is out of range"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    if "anyOf" in schema:
        wrong = [list(check(value, choice, root, where)) for choice in schema["anyOf"]]
        if all(wrong):
            yield min(wrong, key=len)[0] + " (nearest choice)"
    for part in schema.get("allOf", []):
        yield from check(value, part, root, where)
    if "if" in schema and not any(check(value, schema["if"], root, where)):
        yield from check(value, schema.get("then", {}), root, where)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        yield from (f"{where}: no {name}" for name in schema.get("required", []) if name not in value)
        for name, item in value.items():
            yield from check(name, schema.get("propertyNames", {}), root, f"{where}: key")
            if name in properties:
                yield from check(item, properties[name], root, f"{where}.{name}")
            elif more is False:
                yield f"{where}: {name} is not in the schema"
            elif isinstance(more, dict):
                yield from check(item, more, root, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            yield from check(item, schema["items"], root, f"{where}[{i}]")


def main(name, lines=None):
    text = sys.stdin.read()
    documents = [json.loads(t) for t in (text.splitlines() if lines else [text])]
    schema, root = resolve(name, None)
    wrong = [w for d in documents for w in check(d, schema, root)]
    print("\n".join(wrong[:10]), file=sys.stderr)
    return 1 if wrong or not documents else 0


sys.exit(main(*sys.argv[1:]))
