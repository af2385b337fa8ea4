#!/usr/bin/env bash
# From nothing to an application user with a least-privilege role, as one scripts it with the Azure CLI: what
# `keyholder apply` is measured against. Signed in already. It does not wait for the directory, looks for nothing
# that is there already, and proves nothing: on the real services it needs more than this.
#
# AZ (the program), ORG (the org's URL) and FOLDER (where the secret goes) are in the environment; $1 is the name.
set -euo pipefail
name=$1
data=$ORG/api/data/v9.2
dynamics=00000007-0000-0000-c000-000000000000
impersonation=78ce3f0f-a1ce-49c2-8cde-64b5c0896db4

value() { # of one thing that an az command answers
  local query=$1
  shift
  "$AZ" "$@" --query "$query" --output tsv
}

app=$(value appId ad app create --display-name "$name" --sign-in-audience AzureADMyOrg)
"$AZ" ad app permission add --id "$app" --api $dynamics --api-permissions $impersonation=Scope --only-show-errors
(umask 077 && value password ad app credential reset --id "$app" --append --years 1 --only-show-errors > "$FOLDER/$name.secret")
"$AZ" ad sp create --id "$app" --output none

rest() { # a request to the org: query for the answer, then what `az rest` takes
  local query=$1
  shift
  value "$query" rest --resource "$ORG" --headers Content-Type=application/json Prefer=return=representation "$@"
}

unit=$(rest 'value[0].businessunitid' --url "$data/businessunits?\$select=businessunitid&\$filter=_parentbusinessunitid_value eq null")
privilege=$(rest 'value[0].privilegeid' --url "$data/privileges?\$select=privilegeid&\$filter=name eq 'prvReadContact'")
role=$(rest roleid --method post --url "$data/roles" --body "{\"name\":\"$name\",\"businessunitid@odata.bind\":\"/businessunits($unit)\"}")
rest '@' --method post --url "$data/roles($role)/Microsoft.Dynamics.CRM.AddPrivilegesRole" \
  --body "{\"Privileges\":[{\"PrivilegeId\":\"$privilege\",\"Depth\":\"Global\"}]}"
user=$(rest systemuserid --method post --url "$data/systemusers" \
  --body "{\"applicationid\":\"$app\",\"businessunitid@odata.bind\":\"/businessunits($unit)\"}")
rest '@' --method post --url "$data/systemusers($user)/systemuserroles_association/\$ref" \
  --body "{\"@odata.id\":\"$data/roles($role)\"}"
