"""docker-compose.yml against the part of the Compose specification that it uses, and its promises."""
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DURATION = {"type": "string", "pattern": r"^(\d+h)?(\d+m)?(\d+s)?$", "minLength": 2}
COMMAND = {"type": "array", "items": {"type": "string"}, "minItems": 1}
SCALAR = {"type": ["string", "number", "boolean", "null"]}

HEALTHCHECK = {
    "oneOf": [
        {"type": "object", "properties": {"disable": {"const": True}}, "required": ["disable"],
         "additionalProperties": False},
        {"type": "object",
         "properties": {"test": {**COMMAND, "minItems": 2}, "interval": DURATION, "timeout": DURATION,
                        "start_period": DURATION, "retries": {"type": "integer", "minimum": 1}},
         "required": ["test", "interval", "timeout", "retries"], "additionalProperties": False},
    ],
}
SERVICE = {
    "type": "object",
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z0-9./-]+:[A-Za-z0-9._-]+$"},
        "build": {"type": "string"},
        "command": COMMAND,
        "environment": {"type": "object", "patternProperties": {r"^[A-Z][A-Z0-9_]*$": SCALAR},
                        "additionalProperties": False},
        "networks": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "volumes": {"type": "array", "items": {"type": "string", "pattern": r"^[^:]+:/[^:]*(:ro)?$"}},
        "ports": {"type": "array", "items": {"type": "string"}},
        "secrets": {"type": "array", "items": {"type": "string"}},
        "profiles": {"type": "array", "items": {"type": "string"}},
        "read_only": {"type": "boolean"},
        "cap_drop": {"type": "array", "items": {"type": "string"}},
        "security_opt": {"type": "array", "items": {"type": "string"}},
        "shm_size": {"type": "string", "pattern": r"^\d+[kmg]$"},
        "stop_grace_period": DURATION,
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "healthcheck": HEALTHCHECK,
        "depends_on": {"type": "object", "additionalProperties": {
            "type": "object", "required": ["condition"], "additionalProperties": False,
            "properties": {"condition": {"enum": ["service_started", "service_healthy",
                                                  "service_completed_successfully"]}}}},
    },
    "required": ["image", "networks", "healthcheck", "restart"],
    "additionalProperties": False,
}
COMPOSE = {
    "type": "object",
    "properties": {
        "services": {"type": "object", "additionalProperties": SERVICE, "minProperties": 1},
        "networks": {"type": "object", "additionalProperties": {
            "type": "object", "properties": {"internal": {"type": "boolean"}},
            "additionalProperties": False}},
        "volumes": {"type": "object", "additionalProperties": {"type": "object"}},
        "secrets": {"type": "object", "additionalProperties": {
            "type": "object", "properties": {"file": {"type": "string"}}, "required": ["file"],
            "additionalProperties": False}},
    },
    "patternProperties": {"^x-": {}},
    "required": ["services"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_schema(compose):
    jsonschema.Draft7Validator(COMPOSE).validate(compose)


def test_what_is_referred_to_is_declared(compose, services):
    for name, service in services.items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(services), name
        named = {v.split(":")[0] for v in service.get("volumes", []) if not v.startswith((".", "/"))}
        assert named <= set(compose["volumes"]), name


def test_who_is_waited_for_can_become_what_is_waited_for(services):
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            check, restart = services[other]["healthcheck"], services[other]["restart"]
            if wanted["condition"] == "service_healthy":
                assert "test" in check, f"{name} waits for the health of {other}"
            if wanted["condition"] == "service_completed_successfully":
                assert restart == "no", f"{name} waits for the end of {other}"


def test_the_server_waits_for_the_database_and_the_schema(services):
    assert services["server"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert services["migrate"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "roles": {"condition": "service_completed_successfully"},
    }
    assert services["roles"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["server"]["healthcheck"]["test"][-1] == "healthcheck"


def test_only_loopback_is_published(services):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["server"]
    for port in published["server"]:
        assert port.startswith("127.0.0.1:"), port


def test_secrets_come_by_file(compose, services):
    for name, service in services.items():
        keys = [k for k in service.get("environment", {}) if re.search(r"(KEY|TOKEN|SECRET)$", k)]
        assert keys == [], f"{name} has {keys} in its environment"
    path = services["server"]["environment"]["MONOCEROS_LLM_API_KEY_FILE"]
    secret = services["server"]["secrets"][0]
    assert path == "${LLM_API_KEY_FILE:+/run/secrets/" + secret + "}"
    assert compose["secrets"][secret]["file"] == "${LLM_API_KEY_FILE:-/dev/null}"


def test_the_server_cannot_become_the_owner(services):
    """It logs in as another role than `migrate`, and does not know that one's password."""
    server, migrate = services["server"], services["migrate"]
    role = migrate["environment"]["MONOCEROS_SERVICE_ROLE"]
    url = server["environment"]["MONOCEROS_DATABASE_URL"]
    assert url.startswith(f"postgresql://{role}:${{SERVICE_PASSWORD:-")
    owner = services["database"]["environment"]["POSTGRES_USER"]
    assert migrate["environment"]["MONOCEROS_DATABASE_URL"].startswith(f"postgresql://{owner}:${{POSTGRES_PASSWORD:-")
    assert "POSTGRES_PASSWORD" not in str(server)
    assert services["roles"]["environment"]["SERVICE_PASSWORD"] in url
    source = services["roles"]["volumes"][0].split(":")[0]
    assert f"'{role}'" in (ROOT / source).read_text()


def test_the_llm_is_optional(services):
    assert services["llm"]["profiles"] == ["llm"]
    assert [n for n, s in services.items() if "profiles" not in s] == ["database", "roles", "migrate", "server"]


def test_the_image_is_multi_stage_and_does_not_run_as_root():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [i for i, line in enumerate(lines) if line.startswith("FROM ")]
    assert len(stages) == 2
    final = lines[stages[-1]:]
    users = [line.split()[1] for line in final if line.startswith("USER ")]
    assert users and not users[-1].startswith(("root", "0"))
    assert not any("build-essential" in line or "-dev" in line for line in final)
    assert 'CMD ["/usr/local/bin/monoceros", "healthcheck"]' in (ROOT / "Dockerfile").read_text()
    assert "EXPOSE 8080" in final


def test_the_image_gets_what_its_build_reads(tmp_path):
    """What .dockerignore lets through is enough for CMake."""
    patterns = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for path in (path for pattern in patterns for path in ROOT.glob(pattern.rstrip("/"))):
        copy = shutil.copytree if path.is_dir() else shutil.copy
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        copy(path, tmp_path / path.relative_to(ROOT))
    done = subprocess.run(["cmake", "--preset", "release"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
