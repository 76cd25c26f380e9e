"""Turns openapi/openapi.yaml into a C array holding the document as compact JSON."""
import json
import pathlib
import sys

import yaml

document = json.dumps(yaml.safe_load(pathlib.Path(sys.argv[1]).read_text()),
                      separators=(",", ":"), ensure_ascii=True, default=str).encode()
rows = [",".join(str(b) for b in document[i:i + 24]) for i in range(0, len(document), 24)]
pathlib.Path(sys.argv[2]).write_text(
    "/* Generated from openapi/openapi.yaml. */\n#include <stddef.h>\n"
    "extern const char openapi_document[];\nextern const size_t openapi_document_bytes;\n"
    "const char openapi_document[] = {\n" + ",\n".join(rows) + ",0};\n"
    f"const size_t openapi_document_bytes = {len(document)};\n")
