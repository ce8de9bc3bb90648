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
