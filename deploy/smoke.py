"""Try an unpacked image: python3 deploy/smoke.py ROOT WORK, as root.

It runs as a container would: user 10001 without capabilities, process 1 of its own, the root file system read-only, a
folder for /data and nothing but memory at /tmp. Made are a key, a check by `footnote doctor`, the sample's index, an
answer over HTTP; then SIGTERM, which has to end it with exit code 0.
"""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
QUESTION = "How many days of annual leave do I get?"
JAIL = """
set -eu
mount --bind "$ROOT" "$ROOT"
mount --bind "$DATA" "$ROOT/data"
mount -t tmpfs -o mode=1777 tmp "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
mount -t sysfs -o ro sys "$ROOT/sys"
mount -t tmpfs -o mode=755 dev "$ROOT/dev"
for each in null zero random urandom; do touch "$ROOT/dev/$each"; mount --bind "/dev/$each" "$ROOT/dev/$each"; done
ln -s /proc/self/fd "$ROOT/dev/fd"
mkdir -p "$ROOT/dev/shm"
mount -t tmpfs -o mode=1777 shm "$ROOT/dev/shm"
mount -o remount,ro,bind "$ROOT"
cd "$ROOT/etc/footnote"
exec chroot "$ROOT" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
  env -i "$@"
"""


def main(root: Path, work: Path) -> None:
    """Raise SystemExit where something is not as it has to be."""
    settings = containerfile_environment()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Loopback is this machine's: the address is not left open while the try lasts.
    environment = [*(f"{name}={value}" for name, value in settings.items()), f"FOOTNOTE_PORT={port}"]
    data = work / "data"
    data.mkdir(mode=0o700)
    subprocess.run(["chown", "10001:10001", data], check=True)

    def command(*arguments: str) -> list[str]:
        return [
            *("env", f"ROOT={root}", f"DATA={data}", "unshare", "--mount", "--pid", "--fork", "--kill-child"),
            *("sh", "-c", JAIL, "-", *environment, *arguments),
        ]

    def inside(*arguments: str, fails: bool = False) -> str:
        done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
        if bool(done.returncode) != fails:
            raise SystemExit(
                f"{shlex.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    inside("sh", "-c", "touch /etc/footnote/x", fails=True)
    inside("sh", "-c", "test $(id -u) = 10001 && touch /data/x /tmp/x && rm /data/x")
    inside("sh", "-c", "command -v pip gcc cc apt-key curl", fails=True)
    inside("tini", "--", "footnote", "serve", fails=True)  # reachable from elsewhere, and no key
    key = inside("footnote", "keys", "create", "smoke", "--kind", "operator").strip()
    print(inside("footnote", "doctor"))
    handbook = inside("python", "-c", "from ingest.sample import HANDBOOK; print(HANDBOOK)").strip()
    inside("footnote", "ingest", handbook)
    began = time.monotonic()
    with (work / "serve.log").open("w") as log:
        serving = subprocess.Popen(command("tini", "--", "footnote", "serve"), stderr=log, stdout=log)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_ready(serving, address)
            print(f"ready after {time.monotonic() - began:.1f} s")
            healthy = health_command()
            inside(*healthy)
            ask(address, key)
            began = time.monotonic()
            # unshare has one child: process 1 in there.
            (child,) = Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text().split()
            subprocess.run(["kill", f"-{signal.SIGTERM}", child], check=True)
            code = serving.wait(60)
        finally:
            serving.kill()
    if code:
        raise SystemExit(f"After SIGTERM it ended with {code}:\n{(work / 'serve.log').read_text()}")
    print(f"stopped by SIGTERM after {time.monotonic() - began:.1f} s, exit code 0")
    sizes(root)


def containerfile_environment() -> dict[str, str]:
    """Return what ENV says."""
    lines = (HERE / "Containerfile").read_text(encoding="utf-8").splitlines()
    return dict(line.removeprefix("ENV ").split("=", 1) for line in lines if line.startswith("ENV "))


def health_command() -> list[str]:
    """Return what HEALTHCHECK runs."""
    text = (HERE / "Containerfile").read_text(encoding="utf-8")
    return list(json.loads(re.findall(r"^\s+CMD (\[.*\])$", text, re.MULTILINE)[0]))


def wait_until_ready(serving: "subprocess.Popen[bytes]", address: str) -> None:
    """Ask /readyz until it says yes, for two minutes."""
    for _ in range(240):
        if serving.poll() is not None:
            raise SystemExit(f"The service ended with {serving.returncode}.")
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("The service is not ready after two minutes.")


def ask(address: str, key: str) -> None:
    """Ask over HTTP; an answer without a key, and one without a source, are wrong."""
    body = json.dumps({"messages": [{"role": "user", "content": QUESTION}]}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/chat/completions", data=body, headers=headers)
    try:
        urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
    else:
        raise SystemExit("It answered without a key.")
    request.add_header("authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=60) as answered:
        answer = json.load(answered)
    text, cited = answer["choices"][0]["message"]["content"], answer["footnote"]["citations"]
    if not cited:
        raise SystemExit(f"No cited answer: {text}")
    print(f"answered with {len(cited)} citations: {text[:200]}")


def sizes(root: Path) -> None:
    """Print the ten largest parts of the image."""
    (library,) = (root / "opt/footnote/lib").glob("python3.*/site-packages")
    inside = [*library.iterdir(), *(root / "usr").iterdir(), *(root / "usr/lib").iterdir()]
    named = [each for each in inside if each.is_dir() and not each.is_symlink() and each != root / "usr/lib"]
    listed = subprocess.run(
        ["du", "-sm", "--apparent-size", *named], capture_output=True, text=True, check=True
    ).stdout
    rows = sorted((line.split("\t") for line in listed.splitlines()), key=lambda row: -int(row[0]))
    for size, path in rows[:10]:
        print(f"{size:>6} MB  {Path(path).relative_to(root)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
