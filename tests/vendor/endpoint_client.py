"""The vendor's client for senders of jobs, against the local API instead of the cloud.

Takes the API's address and the key of an original in its store `media`.
"""

import json
import sys

import runpod

address, key = sys.argv[1:]
creator, _, media, _ = key.split("/")
job_input = {"mediaId": media, "creatorId": creator, "type": "video", "inputKey": key}

runpod.api_key = "any"
runpod.endpoint_url_base = f"{address}/v2"
endpoint = runpod.Endpoint("local")

job = endpoint.run({"input": job_input})
chunks = list(job.stream())
assert chunks[-1]["result"]["status"] == "completed", chunks
assert job.status() == "COMPLETED"
assert job.output()["result"] == chunks[-1]["result"]

again = endpoint.run_sync({"input": job_input}, timeout=120)
assert again["result"]["mediaId"] == media, again

bad = endpoint.run({"input": {**job_input, "type": "film"}})
bad.output(timeout=60)
assert bad.status() == "FAILED"
said = json.loads(endpoint.rp_client.get(f"local/status/{bad.job_id}")["error"])
# What the vendor's worker writes for a handler that raised.
for name in ["error_type", "error_message", "error_traceback", "hostname", "worker_id", "runpod_version"]:
    assert isinstance(said[name], str), said

bad.cancel()
assert endpoint.purge_queue() == {"removed": 0, "status": "completed"}
health = endpoint.health()
assert (health["jobs"]["completed"], health["jobs"]["failed"]) == (2, 1), health
print("the vendor's client runs, streams, cancels, purges and reads errors through the local API")
