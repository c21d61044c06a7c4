"""The vendor's client with jobs that do what those of echo_worker.rs do."""

import asyncio
import os

import runpod


async def handle(job):
    """Answers with the input, or fails, or shows progress and takes a while first."""
    given = job["input"]
    if "progress" in given:
        runpod.serverless.progress_update(job, given["progress"])
    await asyncio.sleep(given.get("seconds", 0))
    if "fail" in given:
        raise ValueError(given["fail"])
    return given


if __name__ == "__main__":
    slots = int(os.environ.get("ECHO_CONCURRENCY", "1"))
    runpod.serverless.start({"handler": handle, "concurrency_modifier": lambda _: slots})
