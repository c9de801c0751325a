#!/usr/bin/env bash
# provider-kubernetes.sh: workload.* through the real kubectl, against kubeapi.py.
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/call.sh"
begin kubernetes kubectl openssl python3 curl socat

port; API=$REPLY; port; DEAD=$REPLY; port; MUTE=$REPLY
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
	-keyout key.pem -out ca.pem 2>log/openssl || { cat log/openssl; exit 1; }
printf 'open-sesame-all all\nopen-sesame-read read\n' >tokens
printf open-sesame-all >all; printf open-sesame-read >read; printf wrong >wrong
mkdir lab
start api python3 "$here/kubeapi.py" "$API" ca.pem key.pem tokens lab
start mute socat -u TCP-LISTEN:"$MUTE",bind=127.0.0.1,fork,reuseaddr OPEN:/dev/null
until_ok 10000 curl -s --cacert ca.pem "https://127.0.0.1:$API/version" || { cat log/api; exit 1; }
kube() { # kube PORT TOKEN-FILE
	jq -cn --arg s "https://127.0.0.1:$1" --arg t "$T/$2" --arg ca "$T/ca.pem" '{provider: "kubernetes", environment: "lab",
		settings: {server: $s, ca_file: $ca, namespace: "shop", validate: false}, secrets: {token: {file: $t}}}'
}
target kube "$(kube "$API" all)"
target reader "$(kube "$API" read)"
target wrong "$(kube "$API" wrong)"
target dead "$(kube "$DEAD" all)"
target mute "$(kube "$MUTE" all)"
target untrusted "$(jq -c 'del(.settings.ca_file)' <<<"$(kube "$API" all)")"
target plain "$(jq -c '.settings.server = "http://127.0.0.1:1"' <<<"$(kube "$API" all)")"
jq -n --arg s "https://127.0.0.1:$API" --arg ca "$T/ca.pem" '{apiVersion: "v1", kind: "Config", "current-context": "none",
	clusters: [{name: "c", cluster: {server: $s, "certificate-authority": $ca}}], users: [{name: "u", user: {token: "open-sesame-all"}}],
	contexts: [{name: "x", context: {cluster: "c", user: "u"}}]}' >ws/kubeconfig
target file '{"provider": "kubernetes", "settings": {"kubeconfig": "kubeconfig", "context": "x", "namespace": "shop", "validate": false}}'
web() { # web IMAGE [REPLICAS]
	jq -cn --arg image "$1" --argjson n "${2:-2}" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "web"}, spec: {replicas: $n,
		selector: {matchLabels: {app: "web"}}, template: {metadata: {labels: {app: "web"}}, spec: {containers: [{name: "web", image: $image}]}}}}'
}
manifest() { jq -cn --argjson m "$1" '{manifest: $m}'; }
before_of() { jq -c .before <<<"$ANSWER"; }
ready() { call kube workload.get '{"resource": "deployment/web"}'; jq -e ".result.ready == $1 and .result.replicas == $1" <<<"$ANSWER"; }

call kube workload.apply "$(manifest "$(web web:1)")"
is "apply: created is a change; undo deletes it" '.ok and .effect == "change" and .result.objects == {"deployment.apps/web": "created"} and .before.undo == {op: "workload.delete", args: {resources: ["deployment.apps/web"]}}'
created=$(before_of)
call kube workload.rollout '{"resource": "deployment/web", "wait": "10s"}'
is "rollout: every replica is new and ready" '.ok and .result.ready == 2 and .result.updated == 2 and .result.conditions.Available == "True" and .result.namespace == "shop"'
call kube workload.wait '{"resource": "deployment/web", "wait": "10s"}'
is "wait: it is available" '.ok and .result.kind == "Deployment"'
call file workload.get '{"resource": "deployment/web"}'
is "with a kubeconfig file and one of its contexts" '.ok and .result.replicas == 2'

call kube workload.scale '{"resource": "deployment/web", "replicas": 4, "wait": "15s"}'
is "scale: up, and waited until they are ready" '.ok and .effect == "change" and .result.replicas == 4 and .result.ready == 4 and .before.undo.args.replicas == 2'
scaled=$(before_of)
undo kube "$scaled"
is "undone" '.ok and .result.replicas == 2'
call kube workload.scale '{"resource": "deployment/web", "replicas": 5}' run '{"replicas": 3}'
is "somebody scaled it meanwhile: conflict, unchanged" '.error.code == "CONFLICT" and .error.world == "unchanged" and (.error.text | test("was 2"))'
killed kube workload.scale '{"resource": "deployment/web", "replicas": 1, "wait": 0}'
call kube workload.scale '{"resource": "deployment/web", "replicas": 9}' verify '{"replicas": 7}'
is "verify is red when the number is neither" '.verdict == "cannot_tell" and (.evidence.reason | test("autoscaler"))'
touch lab/stuck
call kube workload.scale '{"resource": "deployment/web", "replicas": 3, "wait": "1s"}'
is "replicas that do not come: timeout, changed, with how many there are" '.error.code == "TIMEOUT" and .error.world == "changed" and (.error.text | test("1 of 3 are ready")) and .result.ready == 1'
call kube workload.wait '{"resource": "deployment/web", "condition": "Ready", "wait": "1s"}'
is "a condition that does not come: timeout" '.error.code == "TIMEOUT"'
rm lab/stuck
check "they come" until_ok 10000 ready 3
touch lab/deaf
call kube workload.scale '{"resource": "deployment/web", "replicas": 4, "wait": 0}'
is "a server that takes it and does not keep it: no success" '.error.code == "CONFLICT" and .error.world == "unknown"'
call kube workload.apply "$(manifest "$(web web:9 3)")"
is "the same with apply" '.error.code == "CONFLICT" and .error.world == "unknown" and (.error.text | test("1 of 1"))'
TIMEOUT_MS=2500 call kube workload.delete '{"resources": ["deployment/web"]}'
is "the same with delete: it is still there" '(.ok | not) and .error.world == "unknown"'
rm lab/deaf

killed kube workload.restart '{"resource": "deployment/web", "wait": 0}'
call kube workload.restart '{"resource": "deployment/web", "wait": "10s"}'
is "restart: waited for" '.ok and .effect == "costly" and .result.ready == 3'

# apply, once more
call kube workload.apply "$(manifest "$(web web:2 3)")"
is "apply: a change of what is there is costly; undo applies the old manifest" '.ok and .effect == "costly" and .result.objects["deployment.apps/web"] == "configured" and .before.undo.args.manifest.items[0].spec.template.spec.containers[0].image == "web:1"'
undo kube "$(before_of)"
is "undone" '.ok and .result.objects["deployment.apps/web"] == "configured"'
killed kube workload.apply "$(manifest "$(web web:3 3)")"
call kube workload.apply "$(manifest "$(web web:3 3)")"
is "nothing to do" '.ok and .effect == "change" and .result.objects["deployment.apps/web"] == "unchanged"'
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: "1"}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: "1"}\n' >ws/maps.yaml
killed kube workload.apply '{"file": "maps.yaml"}'
call kube workload.apply '{"file": "maps.yaml"}' prepare; maps=$(before_of)
sed -i 's/"1"/"2"/' ws/maps.yaml
call kube workload.apply '{"file": "maps.yaml"}' run "$maps"
is "a manifest that was changed after it was shown" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
call kube workload.apply '{"file": "maps.yaml"}' verify "$maps"
is "and verify does not judge it" '.verdict == "cannot_tell"'
call kube workload.apply "$(manifest '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {}}')"
is "a Secret is refused" '.error.code == "FORBIDDEN"'
killed kube workload.delete '{"resources": ["configmap/a", "configmap/b"]}'
undo kube "$created"
is "what was created is deleted" '.ok and .result.deleted == 1'
call kube workload.get '{"resource": "deployment/web"}'
is "it is gone: not found" '.error.code == "NOT_FOUND"'

# words that are not good, and a cluster that is not well
for bad in web deployment/ /web deployment/-x 'deployment/web --all' Deployment/web secret/x; do
	call kube workload.get "$(jq -cn --arg r "$bad" '{resource: $r}')"
	is "refused: $bad" '.error.code == "USAGE" or .error.code == "FORBIDDEN"'
done
call kube workload.apply "$(manifest "$(web web:1)")"
call reader workload.get '{"resource": "deployment/web"}'
is "a token that may read" '.ok'
call reader workload.scale '{"resource": "deployment/web", "replicas": 3}'
is "and not write: AUTH, unchanged" '.error.code == "AUTH" and .error.world == "unchanged" and (.error.text | test("orbidden"))'
call wrong workload.get '{"resource": "deployment/web"}'
is "a wrong token: AUTH" '.error.code == "AUTH"'
call untrusted workload.get '{"resource": "deployment/web"}'
is "a certificate nobody vouches for: AUTH" '.error.code == "AUTH" and (.error.text | test("x509"))'
call plain workload.get '{"resource": "deployment/web"}'
is "a token goes to https only" '.error.code == "FORBIDDEN"'
call dead workload.scale '{"resource": "deployment/web", "replicas": 3}' run '{"replicas": 2}'
is "unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
TIMEOUT_MS=1500 call mute workload.get '{"resource": "deployment/web"}'
is "silence: timeout" '.error.code == "TIMEOUT"'
target dropped "$(jq -c '.settings.server = "https://192.0.2.9:6443"' <<<"$(kube 1 all)")"; target noroute "$(jq -c '.settings.server = "https://198.51.100.1:6443"' <<<"$(kube 1 all)")"
if TIMEOUT_MS=2000 dark dropped workload.scale '{"resource": "deployment/web", "replicas": 3}' run '{"replicas": 2}'; then
	is "dropped by a firewall: timeout" '.error.code == "TIMEOUT"'
	TIMEOUT_MS=5000 dark noroute workload.scale '{"resource": "deployment/web", "replicas": 3}' run '{"replicas": 2}'
	is "no route: unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
fi
kill -STOP "${PIDS[api]}"
TIMEOUT_MS=1500 call kube workload.scale '{"resource": "deployment/web", "replicas": 3}' run '{"replicas": 2}'
is "frozen: timeout; never done" '.error.code == "TIMEOUT" and (.ok | not)'
kill -CONT "${PIDS[api]}"
call kube "" '{}' probe
is "doctor: server and rights" '[.report.checks[].ok] == [true, true, true] and (.report.checks[0].detail | test("v1.30.0-lab"))'
call reader "" '{}' probe
is "doctor: a right that is not there" '[.report.checks[].ok] == [true, true, false]'
call dead "" '{}' probe
is "doctor: not there" '[.report.checks[].ok] == [false]'
check "no token in any log" fails grep -rq open-sesame log
