"""Looks at deploy/compose.yaml as far as that goes without containers: `compose.py FOLDER`, a copy of deploy/ with its secrets made.

That it is a compose file, by the specification's own rules; that every file it mounts is there; that what it publishes is on loopback; that the
settings of nats-server and Prometheus are taken by those programs (WATCHBELL_TEST_NATS_SERVER, WATCHBELL_TEST_PROMTOOL), and Watchbell's variables by
`watchbell check-config` (WATCHBELL_TEST_BIN), each where the variable names the program.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import compose_spec
import yaml

FOLDER = pathlib.Path(sys.argv[1])
problems = []
unchecked = ["the containers themselves, and the images' own entry points"]


def complain(what):
    problems.append(f"deploy/compose.yaml: {what}")


def parsed():
    """The file with its merges, after the specification's rules."""
    options = compose_spec.PyOptions()
    options.apply_merge = True
    text = (FOLDER / "compose.yaml").read_text()
    try:
        compose = options.from_yaml(text)
        compose.validate()
    except ValueError as error:
        sys.exit(f"deploy/compose.yaml is no compose file: {error}")
    return yaml.safe_load(text)


def mounts(service):
    """What it mounts of this folder, by the path inside."""
    for volume in service.get("volumes", []):
        source, target = volume.split(":")[:2]
        if source.startswith("./"):
            yield target, FOLDER / source


def run(what, variable, arguments, **options):
    program = os.environ.get(variable)
    if not program:
        unchecked.append(f"{what} ({variable} is not set)")
        return
    checked = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, **options)
    if checked.returncode != 0:
        complain(f"{what}: {checked.stdout}{checked.stderr}")


def check_nats(compose, root):
    """nats-server reads its settings from where the container has them."""
    service = compose["services"]["nats"]
    for target, source in mounts(service):
        copy_into(root, target, source)
    for secret in service["secrets"]:
        copy_into(root, secret["target"], FOLDER / compose["secrets"][secret["source"]]["file"])
    command = [argument.replace("/etc/nats", f"{root}/etc/nats").replace("/data", f"{root}/data") for argument in service["command"]]
    run("nats-server's settings", "WATCHBELL_TEST_NATS_SERVER", [*command, "-t"])


def check_prometheus(compose, root):
    for target, source in mounts(compose["services"]["prometheus"]):
        copy_into(root, target, source)
    run("Prometheus' settings", "WATCHBELL_TEST_PROMTOOL", ["check", "config", f"{root}/etc/prometheus/prometheus.yml"])
    scraped = yaml.safe_load((FOLDER / "monitoring/prometheus.yml").read_text())["scrape_configs"][0]
    names = {name for discovery in scraped["dns_sd_configs"] for name in discovery["names"]}
    own = {name for name, service in compose["services"].items() if service.get("image") == "watchbell:latest"}
    if names != own:
        complain(f"Prometheus reads {sorted(names)}, and Watchbell's services are {sorted(own)}")
    if scraped["job_name"] != "watchbell":
        complain("the rules expect the job to be called watchbell")


def check_grafana(compose):
    targets = dict(mounts(compose["services"]["grafana"]))
    read = lambda name: yaml.safe_load(next(source for target, source in targets.items() if target.endswith(name)).read_text())
    path = read("dashboards/watchbell.yml")["providers"][0]["options"]["path"]
    dashboards = [source for target, source in targets.items() if pathlib.PurePath(target).parent == pathlib.PurePath(path)]
    if not dashboards:
        complain(f"no dashboard is mounted in {path}, where Grafana looks for them")
    for dashboard in dashboards:
        json.loads(dashboard.read_text())
    url = read("datasources/watchbell.yml")["datasources"][0]["url"]
    if url.removeprefix("http://").split(":")[0] not in compose["services"]:
        complain(f"Grafana asks {url}, and no service is called so")


def check_watchbell(compose):
    for name, service in compose["services"].items():
        if service.get("image") != "watchbell:latest":
            continue
        variables = dict(service["environment"])
        for key, value in variables.items():
            if value.startswith("/run/secrets/"):
                secret = value.rsplit("/", 1)[1]
                if secret not in service["secrets"]:
                    complain(f"{name} names the secret {secret} and does not have it")
                variables[key] = str(FOLDER / compose["secrets"][secret]["file"])
        run(f"the settings of {name}", "WATCHBELL_TEST_BIN", ["check-config"], env=variables)


def copy_into(root, target, source):
    path = pathlib.Path(f"{root}{target}")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, path)


compose = parsed()
for name, service in compose["services"].items():
    for target, source in mounts(service):
        if not source.is_file():
            complain(f"{name} mounts {source.relative_to(FOLDER)}, which is not there")
    for port in service.get("ports", []):
        if not port.startswith("127.0.0.1:"):
            complain(f"{name} publishes {port} to everybody, and not to 127.0.0.1 alone")
    if "build" not in service and service["image"].rsplit(":", 1)[-1] in (service["image"], "latest"):
        complain(f"{name} takes whatever version of its image is newest")
for name, secret in compose["secrets"].items():
    if not (FOLDER / secret["file"]).is_file():
        complain(f"make-secrets.sh does not make {name}")
root = FOLDER.parent / "root"
check_nats(compose, root)
check_prometheus(compose, root)
check_grafana(compose)
check_watchbell(compose)
for problem in problems:
    print(problem, file=sys.stderr)
for what in unchecked:
    print(f"NOT CHECKED: {what}", file=sys.stderr)
print(f"the compose file: {len(compose['services'])} services, {len(problems)} problems", file=sys.stderr)
sys.exit(1 if problems else 0)
