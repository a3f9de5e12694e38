# SPDX-License-Identifier: GPL-2.0-or-later
"""Validate JSON documents by a JSON Schema, and tell what of it they used.

  schema.py SCHEMA        documents on stdin, one a line

For each document that is wrong, a line "LINE: PATH: what". Then, for each
property that the schema describes, "used POINTER" or "unused POINTER".
"""
import json
import sys

from jsonschema import Draft202012Validator, FormatChecker


def resolve(schema, root):
    """Follow $ref, which here always points into the schema itself."""
    while "$ref" in schema:
        pointer = schema["$ref"]
        schema = root
        for key in pointer.removeprefix("#/").split("/"):
            schema = schema[key]
    return schema


def pointers(schema, root, path="#"):
    """Each property described in the schema: its path and its own schema."""
    if isinstance(schema, dict):
        for key, value in schema.get("properties", {}).items():
            yield path + "/properties/" + key, schema, key
        for key, value in schema.items():
            yield from pointers(value, root, path + "/" + key)
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from pointers(value, root, "%s/%d" % (path, index))


def mark(schema, instance, root, used):
    """Note which properties of which schema the instance has."""
    schema = resolve(schema, root)
    for branch in schema.get("oneOf", []):
        if Draft202012Validator(root).evolve(schema=branch).is_valid(instance):
            mark(branch, instance, root, used)
    if isinstance(instance, dict):
        for key, value in instance.items():
            if key in schema.get("properties", {}):
                used.add((id(schema), key))
                mark(schema["properties"][key], value, root, used)
    elif isinstance(instance, list) and "items" in schema:
        for value in instance:
            mark(schema["items"], value, root, used)


def main(path):
    with open(path, encoding="utf-8") as file:
        root = json.load(file)
    Draft202012Validator.check_schema(root)
    validator = Draft202012Validator(root, format_checker=FormatChecker())
    used = set()
    for number, line in enumerate(sys.stdin.buffer, 1):
        instance = json.loads(line.decode("utf-8", "strict"))
        for error in validator.iter_errors(instance):
            print("%d: %s: %s" % (number, error.json_path, error.message))
            for inner in error.context or []:
                print("  %s: %s" % (inner.json_path, inner.message))
        mark(root, instance, root, used)
    for pointer, schema, key in pointers(root, root):
        print("used" if (id(schema), key) in used else "unused", pointer)


main(sys.argv[1])
