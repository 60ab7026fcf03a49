#!/bin/sh
# What a user would write instead: delete by label, then move the labels. No lock, guard, proof or record.
# Needs KUBECONFIG, NAMESPACE, TASK, GITHUB, REPOSITORY, TOKEN.
set -eu
kubectl --namespace "$NAMESPACE" delete coderuns --selector "task-id=$TASK"
labels="$GITHUB/repos/$REPOSITORY/issues/1/labels"
github() { curl --fail --silent --show-error --output /dev/null --header "Authorization: Bearer $TOKEN" "$@"; }
github --request POST --data '{"labels": ["remediation-in-progress"]}' "$labels"
github --request DELETE "$labels/ready-for-qa"
