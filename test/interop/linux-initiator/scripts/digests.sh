#!/bin/bash
# digests.sh PORT IQN: header and data digests together and alone, data that is written with them and read back.
# Overwrites the disk.
# shellcheck source=../guest/lib.sh
. /run/guest/lib.sh
port=${1:?usage: digests.sh PORT IQN}
target=${2:?usage: digests.sh PORT IQN}
iscsiadm -m node -T "$target" -p "127.0.0.1:$port" -o new >/dev/null
dmesg -C

negotiated() {
  iscsiadm -m session -P 2 >/tmp/session
  grep -E '(Header|Data)Digest' /tmp/session
  grep -q "HeaderDigest: $1" /tmp/session && grep -q "DataDigest: $2" /tmp/session
}
head -c $((4 * 1024 * 1024)) /dev/urandom >/tmp/data
copy_in() { dd if=/tmp/data of="$disk" bs=1M oflag=direct status=none; }
copy_out() { dd if="$disk" bs="$1" count="$2" iflag=direct status=none | cmp -n $((4 * 1024 * 1024)) - /tmp/data; }

for pair in "CRC32C CRC32C" "CRC32C None" "None CRC32C"; do
  read -r header data <<<"$pair"
  step "HeaderDigest=$header DataDigest=$data"
  setting node.conn[0].iscsi.HeaderDigest "$header"
  setting node.conn[0].iscsi.DataDigest "$data"
  must "login" login
  must "a disk appears" wait_disks
  check "both sides have agreed" negotiated "$header" "$data"
  check "write in large pieces" copy_in
  check "read in large pieces" copy_out 1M 4
  check "read in small pieces" copy_out 4k 1024
  check "logout" logout
  check "the disk is gone" gone
done
check "the kernel has seen no bad digest" sh -c '! dmesg | grep -iE "digest (error|failed)|conn error"'
finish
