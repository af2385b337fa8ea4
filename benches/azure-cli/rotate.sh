#!/usr/bin/env bash
# A new secret for each application, one after the other, as one scripts it with the Azure CLI: what
# `keyholder rotate --all` is measured against. Signed in already. It does not wait for the directory, proves
# nothing, and leaves the old secrets: on the real services it needs more than this.
#
# AZ (the program) and FOLDER (where the secrets go) are in the environment; the arguments are the client ids.
set -euo pipefail
for app in "$@"; do
  (umask 077 && "$AZ" ad app credential reset --id "$app" --append --years 1 --only-show-errors \
    --query password --output tsv > "$FOLDER/$app.secret")
done
