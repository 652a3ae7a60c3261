"""Looks at the chart of deploy/helm: lints and renders it by Helm's own code, for each file in cases/.

What is rendered is held by snapshots/ (UPDATE_SNAPSHOTS=1 writes them anew), and is what Kubernetes takes, by the schemas of its oldest
and newest versions here. What refused/ holds is refused, with the words of its first line. Watchbell's own settings in it are read
by `watchbell check-config` where WATCHBELL_TEST_BIN names the program.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import helm_python as helm
import kubernetes_validate
import yaml

HELM = pathlib.Path("deploy/helm")
# A copy with the files that links in it lead to, of which Helm would otherwise tell each time.
FOLDER = tempfile.TemporaryDirectory()
CHART = pathlib.Path(shutil.copytree(HELM / "watchbell", f"{FOLDER.name}/watchbell"))
# The chart's kubeVersion, and the newest that the schemas know.
VERSIONS = ["1.30.0", kubernetes_validate.latest_version()]
# Definitions that the Prometheus operator brings; their schemas are not Kubernetes' own.
FOREIGN = "monitoring.coreos.com/"
WARNING = 2

problems = []
unchecked = set()


def complain(case, what):
    problems.append(f"{case}: {what}")


def render(values):
    """All manifests in the order of their files, as one text."""
    with helm.Chart.load(str(CHART)) as chart:
        rendered = chart.render(values, name="watchbell", namespace="pagers", is_install=True)
    return {name: text for name, text in sorted(rendered.items()) if text.strip()}


def check_snapshot(case, text):
    # The dashboard is another file's copy: what it says is that file's business.
    text = re.sub(r"^  watchbell\.json: .*$", "  watchbell.json: …", text, flags=re.M)
    path = HELM / "snapshots" / f"{case}.yaml"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        complain(case, f"is not what {path} holds: look at what UPDATE_SNAPSHOTS=1 scripts/helm.sh changes there")


def check_manifest(case, manifest):
    kind = f"{manifest['kind']} {manifest['metadata']['name']}"
    dashboard = manifest.get("data", {}).get("watchbell.json")
    if dashboard and json.loads(dashboard) != json.loads(pathlib.Path("deploy/monitoring/dashboard.json").read_text()):
        complain(case, f"{kind} is not deploy/monitoring/dashboard.json")
    if manifest["kind"] == "PrometheusRule" and manifest["spec"] != yaml.safe_load(pathlib.Path("deploy/monitoring/rules.yml").read_text()):
        complain(case, f"{kind} is not deploy/monitoring/rules.yml")
    if manifest["apiVersion"].startswith(FOREIGN):
        unchecked.add(f"{manifest['kind']}, by its definition's schema")
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            complain(case, f"{kind}, Kubernetes {version}: {error.message} at {list(error.path)}")


def check_settings(case, manifests):
    """The settings and variables that a pod gets, read by the program that would get them."""
    program = os.environ.get("WATCHBELL_TEST_BIN")
    if not program:
        unchecked.add("Watchbell's settings (WATCHBELL_TEST_BIN is not set)")
        return
    settings = next(m["data"]["watchbell.toml"] for m in manifests if m["kind"] == "ConfigMap" and "watchbell.toml" in m["data"])
    for deployment in (m for m in manifests if m["kind"] == "Deployment"):
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        with tempfile.TemporaryDirectory() as folder:
            here = lambda text: text.replace("/run/secrets", f"{folder}/secrets").replace("/etc/watchbell", folder)
            pathlib.Path(folder, "watchbell.toml").write_text(here(settings))
            variables = {variable["name"]: here(variable["value"]) for variable in container["env"]}
            for path in [*variables.values(), *(word.strip('"') for word in here(settings).split())]:
                if path.startswith(f"{folder}/secrets/"):
                    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
                    is_address = path == variables["WATCHBELL_DATABASE__URL_FILE"]
                    pathlib.Path(path).write_text("postgres://a:b@db/c" if is_address else "a-secret-that-is-long-enough")
            # As `command` of the image stands before `args`: the roles and channels are read as well, then only checked.
            checked = subprocess.run([program, "check-config"], env=variables, capture_output=True, text=True, check=False)
            if checked.returncode != 0:
                complain(case, f"{deployment['metadata']['name']}: {checked.stderr}")


def check_case(path):
    case = path.stem
    values = yaml.safe_load(path.read_text())
    report = helm.lint(str(CHART), values, strict=True, kube_version="v1.30.0")
    for message in report["messages"]:
        if message["severity"] >= WARNING:
            complain(case, f"lint: {message['path']}: {message['error']}")
    rendered = render(values)
    text = "".join(f"# {name}\n{text.strip()}\n" for name, text in rendered.items())
    check_snapshot(case, text)
    manifests = [m for name, text in rendered.items() if not name.endswith(".txt") for m in yaml.safe_load_all(text) if m]
    for manifest in manifests:
        check_manifest(case, manifest)
    check_settings(case, manifests)


def check_refusal(path):
    text = path.read_text()
    wanted = text.splitlines()[0].removeprefix("# ")
    try:
        with helm.Chart.load(str(CHART)) as chart:
            chart.validate_schema(yaml.safe_load(text))
        render(yaml.safe_load(text))
    except helm.HelmError as error:
        if wanted not in str(error):
            complain(path.stem, f"is refused without the words {wanted!r}: {error}")
    else:
        complain(path.stem, "is taken, and should be refused")


cases = sorted((HELM / "cases").glob("*.yaml"))
refused = sorted((HELM / "cases" / "refused").glob("*.yaml"))
for path in cases:
    check_case(path)
for path in refused:
    check_refusal(path)
for stale in {path.stem for path in (HELM / "snapshots").glob("*.yaml")} - {path.stem for path in cases}:
    complain(stale, "a snapshot without a case")
for problem in problems:
    print(problem, file=sys.stderr)
for what in sorted(unchecked):
    print(f"NOT CHECKED: {what}", file=sys.stderr)
print(f"the chart, by Helm {helm.helm_sdk_version()}: {len(cases)} cases rendered, {len(refused)} refused, {len(problems)} problems", file=sys.stderr)
sys.exit(1 if problems else 0)
