"""Checks answers against docs/openapi.json."""

import json
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class OpenApi:
    def __init__(self):
        with open(os.path.join(ROOT, "docs", "openapi.json"), encoding="utf-8") as file:
            self.document = json.load(file)

    def operations(self):
        """{"GET /v1/status", ...}"""
        return {f"{method.upper()} {path}" for path, methods in self.document["paths"].items() for method in methods}

    def summaries(self):
        """{"GET /v1/status": what it is for, ...}"""
        return {f"{method.upper()} {path}": operation["summary"] for path, methods in self.document["paths"].items()
                for method, operation in methods.items()}

    def open_objects(self, schema=None, place="schemas"):
        """Places of the schemas that allow keys they do not describe, or do not require all that they describe."""
        schema = self.document["components"]["schemas"] if schema is None else schema
        found = []
        if isinstance(schema, dict):
            properties = schema.get("properties")
            if isinstance(properties, dict) and "type" in schema:
                if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
                    found.append(place)
            elif "object" in (schema.get("type") if isinstance(schema.get("type"), list) else [schema.get("type")]):
                found.append(place)
            for key, inner in schema.items():
                found += self.open_objects(inner, f"{place}.{key}")
        elif isinstance(schema, list):
            for number, inner in enumerate(schema):
                found += self.open_objects(inner, f"{place}[{number}]")
        return found

    def check_schema(self, name, document):
        """Raises unless the JSON document is as the schema of this name says."""
        import jsonschema

        schema = {"$ref": f"#/components/schemas/{name}", "components": self.document["components"]}
        jsonschema.Draft202012Validator(schema).validate(document)

    def check(self, operation, status, content_type, body):
        """Raises unless the document describes this answer to an operation such as "GET /v1/status". Returns the JSON body."""
        # Imported late, so that the other tests run without the package.
        import jsonschema

        method, path = operation.split(" ")
        responses = self.document["paths"][path][method.lower()]["responses"]
        if str(status) not in responses:
            raise AssertionError(f"{operation}: status {status} is not described; the body: {body[:200]}")
        described = responses[str(status)]["content"]
        if content_type not in described:
            raise AssertionError(f"{operation}: {content_type} instead of one of {list(described)}")
        document = json.loads(body)
        # The schema's references point into the whole document.
        schema = {**described[content_type]["schema"], "components": self.document["components"]}
        jsonschema.Draft202012Validator(schema).validate(document)
        return document
