"""What Watchbell is built from, in CycloneDX' form: `sbom.py TARGET`, such as x86_64-unknown-linux-gnu; writes to standard output.

From `cargo metadata`, by which cargo itself says what it would build for that target: every crate that gets into the program or runs while it is built, with
its source, checksum (from Cargo.lock), licence, and what it needs. Nothing in it depends on when or where it was made.
"""

import json
import pathlib
import subprocess
import sys
import tomllib

target = sys.argv[1]
command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
checksums = {(locked["name"], locked["version"]): locked.get("checksum") for locked in tomllib.loads(pathlib.Path("Cargo.lock").read_text())["package"]}
program = next(id for id, package in packages.items() if package["name"] == "watchbell" and package["source"] is None)


def needs(id):
    """What is in the program, or runs while it is built: tests' dependencies are neither."""
    return sorted(d["pkg"] for d in nodes[id]["deps"] if any(kind["kind"] != "dev" for kind in d["dep_kinds"]))


def reached(id):
    found, open_ids = set(), [id]
    while open_ids:
        id = open_ids.pop()
        if id not in found:
            found.add(id)
            open_ids.extend(needs(id))
    return found


def reference(id):
    package = packages[id]
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(id):
    package = packages[id]
    made = {
        "type": "application" if id == program else "library",
        "bom-ref": reference(id),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(id),
    }
    if package["license"]:
        # An old way of writing OR.
        made["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


ids = sorted(reached(program), key=lambda id: (packages[id]["name"], packages[id]["version"]))
bom = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "metadata": {"component": component(program), "properties": [{"name": "cargo:target", "value": target}]},
    "components": [component(id) for id in ids if id != program],
    "dependencies": [{"ref": reference(id), "dependsOn": [reference(need) for need in needs(id)]} for id in ids],
}
json.dump(bom, sys.stdout, indent=1)
print()
