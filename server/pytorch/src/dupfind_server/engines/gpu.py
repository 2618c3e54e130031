"""What the GPU's driver says of itself."""

from __future__ import annotations

import shutil
import subprocess


def gpu_facts() -> dict[str, str]:
    """Ask nvidia-smi for the first GPU's name and driver; without it nothing is known."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    try:
        done = subprocess.run(  # noqa: S603 -- a fixed command
            [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    name, _, driver = done.stdout.partition("\n")[0].partition(",")
    return {"gpu": name.strip(), "driver": driver.strip()}
