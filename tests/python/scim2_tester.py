"""Runs scim2-tester against a server: ADDRESS TOKEN. Prints one JSON object a check on a line of its own."""

import json
import sys

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server

address, token = sys.argv[1:]
client = httpx2.Client(base_url=address, headers={"Authorization": f"Bearer {token}"})
for check in check_server(SyncSCIMClient(client)):
    outcome = {
        "status": check.status.name,
        "title": check.title,
        "reason": str(check.reason),
        "resource": check.resource_type,
    }
    print(json.dumps(outcome))
