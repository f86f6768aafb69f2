#!/bin/bash
# scsi.sh PORT IQN: sg3-utils and the kernel's own thin provisioning on a target with two disks of 64 MiB in blocks of
# 512 bytes. Overwrites both.
# shellcheck source=../guest/lib.sh
. /run/guest/lib.sh
port=${1:?usage: scsi.sh PORT IQN}
target=${2:?usage: scsi.sh PORT IQN}
iscsiadm -m node -T "$target" -p "127.0.0.1:$port" -o new >/dev/null
must "login" login
must "two disks appear" wait_disks 2
other=/dev/$(disks | sed -n 2p)

# repeated BLOCKS CHARACTER; 0 stands for zero bytes.
repeated() {
  local character=$2
  [[ $character != 0 ]] || character='\0'
  head -c $(($1 * 512)) /dev/zero | tr '\0' "$character"
}
direct=(bs=64k status=none)
# fill LBA BLOCKS CHARACTER
fill() { repeated "$2" "$3" | dd of="$disk" seek=$(($1 * 512)) iflag=fullblock oflag=direct,seek_bytes "${direct[@]}"; }
# holds LBA BLOCKS CHARACTER [DISK]
holds() {
  repeated "$2" "$3" >/tmp/wanted
  dd if="${4-$disk}" skip=$(($1 * 512)) count=$(($2 * 512)) iflag=direct,skip_bytes,count_bytes "${direct[@]}" |
    cmp - /tmp/wanted
}
head -c 512 /dev/zero | tr '\0' A >/tmp/a
head -c 512 /dev/zero | tr '\0' B >/tmp/b
cat /tmp/a /tmp/b >/tmp/ab

step "what the disk says of itself"
check "sg_inq" sg_inq "$disk"
check "sg_vpd --all" sg_vpd --all "$disk"
for page in sv sn di ei mpp bl bdc lbpv; do check "VPD page $page" sg_vpd -p "$page" "$disk"; done
check "sg_modes --all" sg_modes --all "$disk"
check "sg_logs --all" sg_logs --all "$disk"
check "sg_opcodes" sg_opcodes -T "$disk"
check "sg_opcodes, one command" sg_opcodes --opcode=0x2a "$disk"
check "sg_opcodes, task management" sg_opcodes -t "$disk"
check "sg_rtpg" sg_rtpg "$disk"
check "sg_luns, all selections" sh -c "sg_luns -s 0 $disk && sg_luns -s 1 $disk && sg_luns -s 2 $disk"
check "sg_requests" sg_requests "$disk"
check "sg_turs" sg_turs "$disk"
check "sg_senddiag, self test" sg_senddiag -t "$disk"
check "the kernel may discard" sh -c "[ \$(cat /sys/block/${disk#/dev/}/queue/discard_max_bytes) -gt 0 ]"
check "the kernel may write zeros" sh -c "[ \$(cat /sys/block/${disk#/dev/}/queue/write_zeroes_max_bytes) -gt 0 ]"

step "verify"
fill 0 8 A
check "sg_verify" sg_verify --lba=0 --count=8 "$disk"
check "sg_verify compares what is equal" sg_verify --lba=0 --count=1 --ndo=512 --in=/tmp/a "$disk"
check_status 14 "sg_verify compares what is not" sg_verify --lba=0 --count=1 --ndo=512 --in=/tmp/b "$disk"

step "compare and write"
check "where it is equal" sg_compare_and_write --lba=0 --num=1 --xferlen=1024 --in=/tmp/ab "$disk"
check "it has written" holds 0 1 B
check_status 14 "where it is not" sg_compare_and_write --lba=0 --num=1 --xferlen=1024 --in=/tmp/ab "$disk"
check "it has not written" holds 0 1 B

step "write same"
check "WRITE SAME(16)" sg_write_same -S --in=/tmp/a --lba=100 --num=64 "$disk"
check "it has written" holds 100 64 A
check "WRITE SAME(10)" sg_write_same --10 --in=/tmp/b --lba=100 --num=64 "$disk"
check_status 9 "WRITE SAME(32), which is not there" sg_write_same --32 --in=/tmp/b --lba=100 --num=64 "$disk"
check "WRITE SAME(16), UNMAP" sg_write_same -S -U --in=/dev/zero --xferlen=512 --lba=100 --num=32 "$disk"
check "what is unmapped reads as zeros" holds 100 32 0

step "unmap"
fill 4096 4096 C
check "sg_get_lba_status, mapped" sg_get_lba_status --lba=4096 "$disk"
check "sg_unmap" sg_unmap --force --lba=4096 --num=2048 "$disk"
check "it reads as zeros" holds 4096 2048 0
check "what is beside it stays" holds 6144 2048 C
check "sg_get_lba_status, unmapped" sh -c "sg_get_lba_status --lba=4096 $disk | tee /dev/stderr | grep -qi deallocated"
# sg3-utils has a status of its own for an LBA that is out of range.
check_status 22 "past the end it is refused" sg_unmap --force --lba=131072 --num=1 "$disk"
check "blkdiscard" blkdiscard -o 3145728 -l 1048576 "$disk"
check "it reads as zeros" holds 6144 2048 0
check "blkdiscard -z" blkdiscard -z -o 0 -l 1048576 "$disk"
check "it reads as zeros" holds 0 2048 0

step "ext4 that trims"
must "mkfs.ext4" mkfs.ext4 -q -F "$disk"
must "mount with discard" mount -o discard "$disk" /mnt
check "write and remove" sh -c 'head -c 8000000 /dev/urandom >/mnt/file && sync && rm /mnt/file && sync'
check "fstrim" fstrim -v /mnt
check "umount" umount /mnt
check "fsck" e2fsck -f -n "$disk"

step "copy by the target"
fill 0 2048 D
check "sg_xcopy" sg_xcopy if="$disk" of="$other" bs=512 count=2048 skip=0 seek=4096
check "it has copied" holds 4096 2048 D "$other"
check "RECEIVE COPY RESULTS, operating parameters" sg_copy_results -p "$disk"

step "persistent reservations"
check "register" sg_persist --out --register --param-sark=abc "$disk"
check "the key is there" sh -c "sg_persist --in --read-keys $disk | tee /dev/stderr | grep -q 0xabc"
check "reserve" sg_persist --out --reserve --param-rk=abc --prout-type=5 "$disk"
check "the reservation is there" sh -c "sg_persist --in --read-reservation $disk | tee /dev/stderr | grep -q 0xabc"
check "full status" sg_persist --in --read-full-status "$disk"
check "capabilities" sg_persist --in --report-capabilities "$disk"
check "the holder writes" fill 0 1 A
check "release" sg_persist --out --release --param-rk=abc --prout-type=5 "$disk"
check "unregister" sg_persist --out --register --param-rk=abc --param-sark=0 "$disk"
check "reset of the unit" sg_reset -d "$disk"
check "the disk works after it" sg_turs -n 3 "$disk"
check "logout" logout
check "the disks are gone" gone
finish
