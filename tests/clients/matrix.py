"""The released clients, what each can carry, and how to run one."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from tests.clients.drive import drive

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
OLD_OPENAI: Final = HERE / ".openai_2"


@dataclass(frozen=True)
class Client:
    """One client. `package` names where its version is read, `carries` how far its citations go."""

    name: str
    runtime: Literal["node", "python", "python with openai 2"]
    package: str
    carries: Literal["page and quote", "link with page", "nothing"]
    resumes: bool = False

    def version(self) -> str:
        """Return the version that is installed."""
        if self.runtime == "node":
            manifest = json.loads((HERE / "node_modules" / self.package / "package.json").read_text())
            return str(manifest["version"])
        if self.runtime == "python":
            return version(self.package)
        return (
            next(OLD_OPENAI.glob("openai-*.dist-info"))
            .name.removeprefix("openai-")
            .removesuffix(".dist-info")
        )

    def installed(self) -> bool:
        """Say whether the client is there to be driven."""
        if self.runtime == "node":
            return shutil.which("node") is not None and (HERE / "node_modules").is_dir()
        if self.runtime == "python with openai 2":
            return OLD_OPENAI.is_dir()
        return find_spec(self.package.replace("-", "_")) is not None

    def need(self) -> None:
        """Skip the test where the client is not installed."""
        if not self.installed():
            pytest.skip(f"{self.name} is not installed (make clients)")

    def drive(self, scenario: str, url: str) -> Mapping[str, Any]:
        """Run the client, in a process of its own unless it is installed here, and return what it got."""
        if self.runtime == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # other people's code
                return drive(self.name, scenario, url)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        if self.runtime == "node":
            command = ["node", str(HERE / "drive.mjs")]
        else:
            command = [sys.executable, str(HERE / "drive.py")]
            if self.runtime == "python with openai 2":
                environment["PYTHONPATH"] = str(OLD_OPENAI)
        done = subprocess.run(
            [*command, self.name, scenario, url],
            capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        got: Mapping[str, Any] = json.loads(done.stdout)
        return got


CLIENTS: Final = (
    Client("useChat of @ai-sdk/react on ai 5", "node", "react-2", "page and quote", resumes=True),
    Client("useChat of @ai-sdk/react on ai 6", "node", "react-3", "page and quote", resumes=True),
    Client("useChat of @ai-sdk/react on ai 7", "node", "react-4", "page and quote", resumes=True),
    Client("@ai-sdk/openai responses", "node", "@ai-sdk/openai", "link with page"),
    Client("@ai-sdk/openai chat", "node", "@ai-sdk/openai", "link with page"),
    Client("@ai-sdk/openai-compatible", "node", "@ai-sdk/openai-compatible", "nothing"),
    Client("openai-js 6 chat", "node", "openai6", "page and quote"),
    Client("openai-js 7 chat", "node", "openai7", "page and quote"),
    Client("openai-js 6 responses", "node", "openai6", "page and quote", resumes=True),
    Client("openai-js 7 responses", "node", "openai7", "page and quote", resumes=True),
    Client("@ag-ui/client", "node", "@ag-ui/client", "page and quote"),
    Client("openai-python 2 chat", "python with openai 2", "openai", "page and quote"),
    Client("openai-python 3 chat", "python", "openai", "page and quote"),
    Client("openai-python 2 responses", "python with openai 2", "openai", "page and quote", resumes=True),
    Client("openai-python 3 responses", "python", "openai", "page and quote", resumes=True),
    Client("langchain-openai chat", "python", "langchain-openai", "nothing"),
    Client("langchain-openai responses", "python", "langchain-openai", "link with page"),
)
