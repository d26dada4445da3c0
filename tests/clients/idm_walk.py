"""Walks through managed roles as a client of the IDM 7.2 REST API does: ADDRESS TOKEN.

It knows nothing of the server but the wire forms of the 7.2 documentation: `_ref`, `_refProperties`, `_queryFilter`, `_action`,
PATCH arrays. Each step says what it is and is asserted; the first that differs ends the walk with exit code 1.
"""

import re
import sys
from urllib.parse import quote

import requests

ADDRESS, TOKEN = sys.argv[1:]
SESSION = requests.Session()
SESSION.headers.update({"Authorization": f"Bearer {TOKEN}", "Accept-API-Version": "resource=1.0"})


class Differs(Exception):
    """The server did something else than the documentation says."""


def expect(holds, what, shown=None):
    if not holds:
        raise Differs(what if shown is None else f"{what}: {shown}")


def call(method, path, status, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    response = SESSION.request(method, f"{ADDRESS}/openidm/{path}", json=body, headers=headers, timeout=30)
    expect(response.status_code == status, f"{method} {path} answers {status}", f"{response.status_code} {response.text}")
    expect(response.headers["Content-Type"].startswith("application/json"), "answers are JSON", response.headers)
    answer = response.json()
    if status >= 400:
        expect(answer["code"] == status and answer["reason"] and answer["message"], "an error says what it is", answer)
    return answer


def query(path, text="true", **more):
    asked = {"_queryFilter": text, **{f"_{name}": value for name, value in more.items()}}
    arguments = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in asked.items())
    answer = call("GET", f"{path}?{arguments}", 200)
    expect(answer["resultCount"] == len(answer["result"]), "resultCount counts the result", answer)
    return answer


def patch(path, *operations, status=200):
    return call("PATCH", path, status, list(operations))


def add(field, value):
    return {"operation": "add", "field": field, "value": value}


def reference(collection, identity):
    return {"_ref": f"{collection}/{identity}"}


def user(name, **more):
    body = {"userName": name, "givenName": name.title(), "sn": "Walker", "mail": f"{name}@example.com", **more}
    return call("POST", "managed/user?_action=create", 201, body)["_id"]


def members(role, **more):
    return query(f"managed/role/{role}/members", **more)["result"]


def effective(identity):
    found = call("GET", f"managed/user/{identity}?_fields=effectiveRoles", 200)["effectiveRoles"]
    for one in found:
        path = f"{one['_refResourceCollection']}/{quote(one['_refResourceId'], safe='')}"
        expect(one["_ref"] == path, "an effective role is a reference", one)
    return sorted(one["_refResourceId"] for one in found)


def is_revision(text):
    return re.fullmatch("[0-9a-f]{16}", text) is not None


def create_a_role():
    body = {"name": "employee", "description": "Role granted to workers on the payroll"}
    made = call("POST", "managed/role?_action=create", 201, body)
    expect(made["name"] == "employee" and made["description"] == body["description"], "the role is shown as sent", made)
    expect(is_revision(made["_rev"]), "_rev is 16 hex digits", made)
    expect("members" not in made and "assignments" not in made, "relationships are not returned by default", made)
    listed = query("managed/role")["result"]
    expect([one["_id"] for one in listed] == [made["_id"]], "it is the one that is listed", listed)
    named = query("managed/role", 'name eq "employee"', fields="name")["result"]
    expect(named[0]["name"] == "employee" and "description" not in named[0], "_fields narrows", named)
    call("POST", "managed/role?_action=create", 403, body)
    return made["_id"]


def grant_in_five_ways(role):
    role_of, grant = reference("managed/role", role), {}
    names = ["ann", "ben", "cleo", "dan"]
    users = {name: user(name) for name in names}
    patched = patch(f"managed/user/{users['ann']}", add("/roles/-", role_of))
    expect([one["_refResourceId"] for one in patched["effectiveRoles"]] == [role], "the answer shows the role at once", patched)
    patch(f"managed/role/{role}", add("/members/-", reference("managed/user", users["ben"])))
    grant["cleo"] = call("POST", f"managed/user/{users['cleo']}/roles?_action=create", 201, role_of)
    grant["dan"] = call(
        "POST", f"managed/role/{role}/members?_action=create", 201, reference("managed/user", users["dan"])
    )
    users["eve"] = user("eve", roles=[role_of])
    expect(grant["cleo"]["_ref"] == f"managed/role/{role}", "from the user's side it leads to the role", grant["cleo"])
    expect(grant["dan"]["_ref"] == f"managed/user/{users['dan']}", "from the role's side to the user", grant["dan"])
    for name, identity in users.items():
        shown = call("GET", f"managed/user/{identity}?_fields=roles", 200)["roles"]
        expect(len(shown) == 1, f"{name} holds one role", shown)
        one = shown[0]
        expect(one["_ref"] == f"managed/role/{role}", "_ref", one)
        expect(one["_refResourceCollection"] == "managed/role" and one["_refResourceId"] == role, "its two halves", one)
        properties = one["_refProperties"]
        expect(properties["_grantType"] == "", "a static grant has no type", one)
        expect(properties["_id"] not in (role, identity) and is_revision(properties["_rev"]), "an edge of its own", one)
        expect(effective(identity) == [role], f"{name} has it in effect")
    repeated = call("POST", f"managed/user/{users['cleo']}/roles?_action=create", 412, role_of)
    expect("already been assigned" in repeated["message"], "the same grant twice", repeated)
    call("POST", f"managed/user/{users['cleo']}/roles?_action=create", 400, reference("managed/role", "nobody"))
    return users


def query_members(role, users):
    found = members(role, fields="userName")
    expect(sorted(one["userName"] for one in found) == sorted(users), "all five are members", found)
    call("GET", f"managed/role/{role}/members", 400)
    seen, cookie = [], None
    while True:
        more = {"pageSize": 2, "fields": "userName"}
        if cookie:
            more["pagedResultsCookie"] = cookie
        page = query(f"managed/role/{role}/members", **more)
        expect(len(page["result"]) <= 2, "a page holds what was asked", page)
        seen += [one["userName"] for one in page["result"]]
        cookie = page["pagedResultsCookie"]
        if not cookie:
            break
    expect(sorted(seen) == sorted(users), "pages hold each once", seen)
    some = query(f"managed/role/{role}/members", 'userName eq "ann"')["result"]
    expect([one["_refResourceId"] for one in some] == [users["ann"]], "members are found by their fields", some)
    edge = some[0]
    one = call("GET", f"managed/role/{role}/members/{edge['_id']}", 200)
    other = call("GET", f"managed/user/{users['ann']}/roles/{edge['_id']}", 200)
    expect(one["_id"] == other["_id"] == edge["_refProperties"]["_id"], "one edge, two sides", (one, other))
    expanded = call("GET", f"managed/role/{role}?_fields=name,members/*/userName", 200)
    expect(sorted(one["userName"] for one in expanded["members"]) == sorted(users), "members expand", expanded)
    refused = call("DELETE", f"managed/role/{role}", 409)
    expect(refused["message"] == "Cannot delete a role that is currently granted", "a held role stays", refused)


def conditional(users):
    before = call("GET", f"managed/user/{users['ann']}", 200)
    patch(f"managed/user/{users['ann']}", {"operation": "replace", "field": "/country", "value": "FR"})
    body = {"name": "fr-employee", "description": "in France", "condition": '/country eq "FR"'}
    role = call("POST", "managed/role?_action=create", 201, body)["_id"]
    found = members(role, fields="userName")
    expect([one["userName"] for one in found] == ["ann"], "who matches holds it", found)
    expect(found[0]["_refProperties"]["_grantType"] == "conditional", "by the condition", found)
    expect(role in effective(users["ann"]), "it is in effect")
    moved = patch(f"managed/user/{users['ben']}", {"operation": "replace", "field": "/country", "value": "FR"})
    expect(role in [one["_refResourceId"] for one in moved["effectiveRoles"]], "who comes to match gains it", moved)
    patch(f"managed/role/{role}", {"operation": "replace", "field": "/condition", "value": '/country eq "DE"'})
    expect(members(role) == [], "who matches no more loses it")
    patch(f"managed/user/{users['ben']}", {"operation": "replace", "field": "/country", "value": "DE"})
    edge = members(role)[0]["_id"]
    call("DELETE", f"managed/role/{role}/members/{edge}", 409)
    call("DELETE", f"managed/role/{role}", 409)
    patch(f"managed/role/{role}", {"operation": "remove", "field": "/condition"})
    expect(members(role) == [], "without condition nobody holds it by condition")
    call("DELETE", f"managed/role/{role}", 200)
    after = call("GET", f"managed/user/{users['ann']}", 200)
    expect(len(after["effectiveRoles"]) == len(before["effectiveRoles"]), "what ann held by hand she holds", after)


def revoke(role, users):
    edge = call("GET", f"managed/user/{users['ann']}?_fields=roles", 200)["roles"][0]
    properties = edge["_refProperties"]
    stale = {"If_Match": '"00000000000000ff"'}
    call("DELETE", f"managed/user/{users['ann']}/roles/{properties['_id']}", 412, **stale)
    gone = call("DELETE", f"managed/user/{users['ann']}/roles/{properties['_id']}", 200)
    expect(gone["_id"] == properties["_id"], "the answer is what went", gone)
    call("GET", f"managed/role/{role}/members/{properties['_id']}", 404)
    edge = query(f"managed/role/{role}/members", 'userName eq "ben"')["result"][0]
    call("DELETE", f"managed/role/{role}/members/{edge['_id']}", 200)
    whole = call("GET", f"managed/user/{users['cleo']}?_fields=roles", 200)["roles"][0]
    patch(f"managed/user/{users['cleo']}", {"operation": "remove", "field": "/roles", "value": whole})
    whole = query(f"managed/role/{role}/members", 'userName eq "dan"')["result"][0]
    element = {name: value for name, value in whole.items() if name.startswith("_ref")}
    patch(f"managed/role/{role}", {"operation": "remove", "field": "/members", "value": element})
    patch(f"managed/user/{users['eve']}", {"operation": "replace", "field": "/roles", "value": []})
    for name, identity in users.items():
        expect(effective(identity) == [], f"{name} holds nothing")
    expect(members(role) == [], "nobody is a member")


def delete(role, users):
    gone = call("DELETE", f"managed/role/{role}", 200)
    expect(gone["_id"] == role and gone["name"] == "employee", "the answer is what went", gone)
    call("GET", f"managed/role/{role}", 404)
    for identity in users.values():
        call("DELETE", f"managed/user/{identity}", 200)
    expect(query("managed/user")["result"] == [] and query("managed/role")["result"] == [], "nothing is left")


def temporal():
    past = [{"duration": "2001-01-01T00:00:00.000Z/2002-01-01T00:00:00.000Z"}]
    always = [{"duration": "2001-01-01T00:00:00.000Z/2101-01-01T00:00:00.000Z"}]
    holder = user("flo")
    body = {"name": "contractor", "description": "for a time", "temporalConstraints": always}
    role = call("POST", "managed/role?_action=create", 201, body)["_id"]
    grant = {**reference("managed/role", role), "_refProperties": {"temporalConstraints": past}}
    made = call("POST", f"managed/user/{holder}/roles?_action=create", 201, grant)
    expect(made["_refProperties"]["temporalConstraints"] == past, "the grant carries its time", made)
    shown = call("GET", f"managed/user/{holder}?_fields=roles", 200)["roles"]
    expect(len(shown) == 1 and effective(holder) == [], "an expired grant stays and has no effect", shown)
    call("DELETE", f"managed/role/{role}", 409)
    call("DELETE", f"managed/user/{holder}/roles/{made['_id']}", 200)
    grant["_refProperties"] = {"temporalConstraints": always}
    made = call("POST", f"managed/user/{holder}/roles?_action=create", 201, grant)
    expect(effective(holder) == [role], "within its time it has effect")
    patch(f"managed/role/{role}", {"operation": "replace", "field": "/temporalConstraints", "value": past})
    expect(effective(holder) == [], "when the role's own time is over nobody has it")
    call("POST", "managed/role?_action=create", 400, {"name": "twice", "temporalConstraints": always + past})
    call("DELETE", f"managed/user/{holder}/roles/{made['_id']}", 200)
    call("DELETE", f"managed/role/{role}", 200)
    call("DELETE", f"managed/user/{holder}", 200)


def walk():
    role = create_a_role()
    users = grant_in_five_ways(role)
    query_members(role, users)
    conditional(users)
    revoke(role, users)
    delete(role, users)
    temporal()


try:
    walk()
except Differs as what:
    print(what)
    sys.exit(1)
