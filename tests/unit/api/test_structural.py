"""The CRDs obey Kubernetes' rules for structural schemas and our own for every field."""

import pytest
import yaml

from forebay.api import crdgen
from forebay.api.kinds import KINDS
from forebay.api.structural import INT_OR_STRING, LIST_TYPE, PRESERVE, RULES, crd, schema_of

YAML_1_1_BOOLEANS = {"y", "n", "yes", "no", "on", "off", "true", "false"}
CEL_KEYWORDS = {
    *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import"),
    *(
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
    ),
}


def nodes(schema, path=()):
    """Every schema below a kind's spec and status, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, (*path, name))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], (*path, "*"))
    if "items" in schema:
        yield from nodes(schema["items"], (*path, "[]"))


def all_nodes():
    for kind in KINDS:
        for part in ("spec", "status"):
            root = schema_of(kind)["properties"][part]
            yield from (((kind, part, *path), node) for path, node in nodes(root))


NODES = list(all_nodes())


def offenders(wrong):
    return [".".join(path) for path, node in NODES if wrong(path, node)]


def test_every_field_has_a_description_with_an_example():
    def silent(path, node):
        is_field = path[-1] not in ("*", "[]")
        return is_field and "Example: `" not in node.get("description", "")

    assert offenders(silent) == []


def test_numbers_say_their_unit():
    units = ("count", "second", "per cent", "millisecond", "port", "number", "1 to 100", "bytes")

    def bare(path, node):
        is_field = path[-1] not in ("*", "[]")
        return (
            is_field
            and node.get("type") == "integer"
            and not any(unit in node["description"] for unit in units)
        )

    assert offenders(bare) == []


def test_S04_no_reference_names_a_namespace():
    assert offenders(lambda path, _: "namespace" in path[-1].lower()) == []


def test_F61_every_string_is_bounded():
    def open_ended(_, node):
        text = node.get("type") == "string" or node.get(INT_OR_STRING)
        return text and "enum" not in node and "maxLength" not in node

    assert offenders(open_ended) == []


def test_F61_every_list_and_map_is_bounded():
    def endless(_, node):
        is_map = isinstance(node.get("additionalProperties"), dict) or node.get(PRESERVE)
        return (node.get("type") == "array" and "maxItems" not in node) or (
            is_map and "maxProperties" not in node
        )

    assert offenders(endless) == []


def test_F67_every_number_of_a_spec_is_bounded():
    def endless(path, node):
        number = node.get("type") in ("integer", "number") and path[1] == "spec"
        return number and path[-1] != "[]" and not {"minimum", "maximum"} <= set(node)

    assert offenders(endless) == []


def test_only_the_snapshot_is_free_form():
    free = offenders(lambda _, node: node.get(PRESERVE))
    assert free == ["ModelVersion.spec.lineage.snapshot"]


def test_schemas_are_structural():
    def bad(_, node):
        typed = "type" in node or node.get(INT_OR_STRING)
        union = any(key in node for key in ("anyOf", "oneOf", "allOf", "not"))
        both = "properties" in node and "additionalProperties" in node
        foreign = {"$ref", "$defs", "title", "const", "examples", "propertyNames"} & set(node)
        return not typed or (union and not node.get(INT_OR_STRING)) or both or foreign

    assert offenders(bad) == []


def test_there_is_no_null_default_and_no_default_of_a_required_field():
    def bad(_, node):
        nulls = "default" in node and node["default"] is None
        required = [n for n in node.get("required", ()) if "default" in node["properties"][n]]
        return nulls or required

    assert offenders(bad) == []


def test_defaults_fit_their_own_schema():
    def bad(_, node):
        if "default" not in node:
            return False
        allowed = {"string": str, "integer": int, "boolean": bool, "object": dict}[node["type"]]
        fits = isinstance(node["default"], allowed)
        return not fits or node["default"] not in node.get("enum", [node["default"]])

    assert offenders(bad) == []


def test_a_default_block_needs_nothing():
    assert (
        offenders(
            lambda _, node: "properties" in node and "default" in node and node.get("required")
        )
        == []
    )


def test_a_default_block_says_its_fields_defaults_because_the_server_judges_it_as_it_stands():
    def unsaid(_, node):
        fields = node.get("properties", {}).items()
        own = {name: child["default"] for name, child in fields if "default" in child}
        return fields and "default" in node and node["default"] != own

    assert offenders(unsaid) == []


def test_field_names_survive_yaml_and_cel():
    risky = YAML_1_1_BOOLEANS | CEL_KEYWORDS
    assert offenders(lambda path, _: path[-1].lower() in risky) == []


def test_keys_of_merged_lists_are_required():
    def bad(_, node):
        if node.get(LIST_TYPE) != "map":
            return False
        return not set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"])

    assert offenders(bad) == []
    merged = offenders(lambda _, node: node.get(LIST_TYPE) == "map")
    assert "PipelineRun.status.stages" in merged
    assert "DataStore.status.conditions" in merged


def test_every_list_says_how_it_is_merged():
    assert offenders(lambda _, node: node.get("type") == "array" and LIST_TYPE not in node) == []


def test_a_rules_field_path_exists():
    def bad(_, node):
        paths = [rule.get("fieldPath") for rule in node.get(RULES, ())]
        return [path for path in paths if path and path.lstrip(".") not in node["properties"]]

    assert offenders(bad) == []


def test_messages_of_rules_are_one_line_and_not_too_long():
    rules = [rule for _, node in NODES for rule in node.get(RULES, ())]
    assert [r for r in rules if "\n" in r["message"] or len(r["message"]) > 200] == []


@pytest.mark.parametrize("info", KINDS.values(), ids=lambda info: info.name)
def test_a_crd_names_its_kind_as_the_design_says(info):
    made = crd(info)
    names, version = made["spec"]["names"], made["spec"]["versions"][0]
    short = {"datastores": "dst", "nosqlpipelines": "nsp", "pipelineruns": "nsr"}
    short |= {"modelversions": "mv", "modeldeployments": "md"}
    assert names["shortNames"] == [short[names["plural"]]]
    assert names["categories"] == ["forebay"]
    assert made["metadata"]["name"] == f"{names['plural']}.forebay.dev"
    assert made["spec"]["scope"] == "Namespaced"
    assert version["subresources"] == {"status": {}}
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns[0] == "READY"
    assert columns[-1] == "AGE"
    assert "REASON" in columns


def test_generated_files_are_small_enough_for_a_client_side_apply():
    assert all(len(text.encode()) < crdgen.LIMIT for text in crdgen.files().values())


def test_a_crd_reads_the_same_from_yaml():
    for info in KINDS.values():
        assert yaml.load(crdgen.plain(info), yaml.CSafeLoader) == crd(info)
