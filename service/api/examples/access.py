"""Examples for the document: who asks, and who changed what."""

from service.api.examples.jobs import JOB_ID

_KEY_ID = "key_019ab3c0f3e07d1fa3b5c1d2e3f40516"

IDENTITY = {
    "owner": "lab",
    "scopes": ["read", "write"],
    "key": {
        "id": _KEY_ID,
        "name": "Ada's laptop",
        "owner": "lab",
        "prefix": "3f9a1c07be52",
        "scopes": ["read", "write"],
        "created_at": "2026-11-24T09:00:00.000Z",
        "expires_at": "2027-02-22T09:00:00.000Z",
        "last_used_at": "2026-11-24T09:30:12.345Z",
        "revoked_at": None,
    },
}

CHANGE_PAGE = {
    "data": [
        {
            "id": "aud_019ab3c0f3e07d1fa3b5c1d2e3f40516",
            "at": "2026-11-24T09:30:12.345Z",
            "owner": "lab",
            "key_id": _KEY_ID,
            "method": "POST",
            "path": "/v1/jobs",
            "resource_id": JOB_ID,
            "request_id": "req_6f1c2b3a",
        }
    ],
    "next_cursor": None,
}
