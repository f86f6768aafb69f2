#!/bin/bash
# chap.sh PORT CHAP_PORT BASE: logins with CHAP. At PORT: BASE:chap wants user reader with secret reader-secret-16,
# BASE:mutual wants user writer with writer-secret-16 and answers as target with target-secret-16, BASE:open wants
# nothing. CHAP_PORT wants discovery to authenticate as reader. Nothing is written.
# shellcheck source=../guest/lib.sh
. /run/guest/lib.sh
port=${1:?usage: chap.sh PORT CHAP_PORT BASE}
chap_port=${2:?usage: chap.sh PORT CHAP_PORT BASE}
base=${3:?usage: chap.sh PORT CHAP_PORT BASE}

auth=node.session.auth
# as TARGET [USER SECRET [TARGET_USER TARGET_SECRET]]: a fresh record for it.
as() {
  target=$base:$1
  iscsiadm -m node -T "$target" -o delete >/dev/null 2>&1
  iscsiadm -m node -T "$target" -p "127.0.0.1:$port" -o new >/dev/null
  # A refused login is not tried again for a minute.
  setting node.session.initial_login_retry_max 1
  (($# > 1)) || return 0
  setting $auth.authmethod CHAP
  setting $auth.username "$2"
  setting $auth.password "$3"
  (($# > 3)) || return 0
  setting $auth.username_in "$4"
  setting $auth.password_in "$5"
}
# One login and logout.
visit() { login && logout; }
# 24 is open-iscsi's status for a login that authentication has refused.
refused() { check_status 24 "$1" login; }

step "one way"
for algorithm in MD5 SHA256 SHA3-256; do
  as chap reader reader-secret-16
  setting $auth.chap_algs $algorithm
  check "the right secret, with $algorithm" visit
done
as chap reader reader-secret-16
setting $auth.chap_algs SHA3-256,SHA256,SHA1,MD5
check "the right secret, with a list of algorithms" visit
as chap reader wrong-secret-1234
refused "a wrong secret is refused"
as chap nobody reader-secret-16
refused "an unknown user is refused"
as chap writer writer-secret-16
refused "a user of another target is refused"
as chap
refused "no CHAP is refused"
as open reader reader-secret-16
check "a target without CHAP lets in who offers it beside none" visit

step "mutual"
as mutual writer writer-secret-16 target target-secret-16
check "both secrets" visit
as mutual writer writer-secret-16 target wrong-secret-1234
check_fails "the initiator refuses a target with a wrong secret" login
as mutual writer writer-secret-16
refused "one way where both is required"

step "discovery"
discovery() { iscsiadm -m discoverydb -t sendtargets -p "127.0.0.1:$1" "${@:2}"; }
check "without CHAP at the open port" discovery "$port" --discover
discovery "$chap_port" -o new >/dev/null
setting_of() { discovery "$chap_port" -o update -n "discovery.sendtargets.$1" -v "$2"; }
setting_of reopen_max 1
check_fails "without CHAP it is refused" discovery "$chap_port" --discover
setting_of auth.authmethod CHAP
setting_of auth.username reader
setting_of auth.password wrong-secret-1234
check_fails "a wrong secret is refused" discovery "$chap_port" --discover
setting_of auth.password reader-secret-16
check "the right secret" discovery "$chap_port" --discover
finish
