#!/bin/bash
# fio.sh PORT IQN MIB [fio option...]: random writes of 4 KiB to 1 MiB at queue depth 32, blocks that are trimmed first,
# all verified by crc32c, on the first MIB of the first disk. Overwrites it.
# shellcheck source=../guest/lib.sh
. /run/guest/lib.sh
port=${1:?usage: fio.sh PORT IQN MIB}
target=${2:?usage: fio.sh PORT IQN MIB}
mib=${3:?usage: fio.sh PORT IQN MIB}
shift 3
iscsiadm -m node -T "$target" -p "127.0.0.1:$port" -o new >/dev/null
must "login" login
must "a disk appears" wait_disks
common=(--name=verified "--filename=$disk" --ioengine=libaio --direct=1 --iodepth=32 "--size=${mib}m"
  --verify=crc32c --verify_fatal=1 --do_verify=1 --minimal "$@")
# verified NAME OPTION...: a run whose numbers nobody needs.
verified() { check "$1" sh -c '"$@" >/tmp/fio.out || { cat /tmp/fio.out; exit 1; }' fio fio "${common[@]}" "${@:2}"; }
verified "random writes of 4 KiB to 1 MiB" --rw=randwrite --bsrange=4k-1m --bs_unaligned=0
verified "reads and writes of 4 KiB" --rw=randrw --bs=4k "--io_size=$((mib / 4))m"
verified "blocks that are trimmed before they are written" --rw=randtrimwrite --bs=64k
check "logout" logout
finish
