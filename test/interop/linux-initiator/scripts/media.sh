#!/bin/bash
# media.sh PORT IQN: a removable disk, mode pages and thresholds, on a target with one removable malloc disk of 64 MiB in
# blocks of 512 bytes. Overwrites it.
# shellcheck source=../guest/lib.sh
. /run/guest/lib.sh
port=${1:?usage: media.sh PORT IQN}
target=${2:?usage: media.sh PORT IQN}
iscsiadm -m node -T "$target" -p "127.0.0.1:$port" -o new >/dev/null
must "login" login
must "the disk appears" wait_disks 1
name=${disk#/dev/}
modprobe sg
# Linux prevents removal while the block device is open: what ejects goes by the generic one.
sg=/dev/$(ls "/sys/block/$name/device/scsi_generic")
# udev opens a disk whenever something may have changed, and removal is prevented meanwhile.
eject() { udevadm settle; sg_start --eject "$sg"; }
load() { udevadm settle; sg_start --load "$sg"; }

step "removable media"
check "the kernel takes it for removable" grep -qx 1 "/sys/block/$name/removable"
check "eject" eject
check_status 2 "it is not ready" sg_turs "$sg"
check_fails "it cannot be read" dd if="$disk" of=/dev/null bs=4096 count=1 iflag=direct status=none
check "load" load
check "it is ready" sg_turs "$sg"
check "it can be read" dd if="$disk" of=/dev/null bs=4096 count=1 iflag=direct status=none
udevadm settle
check "removal is prevented" sg_prevent "$sg"
check_status 5 "eject" sg_start --eject "$sg"
check "removal is allowed" sg_prevent --allow "$sg"
check "eject" eject
check "load" load
must "mkfs.ext4" mkfs.ext4 -q -F "$disk"
must "mount" mount "$disk" /mnt
check_status 5 "eject while it is mounted" eject
check "umount" umount /mnt
check "eject" eject
check "load" load

step "mode pages"
check "all pages and subpages" sg_modes -a -E "$sg"
check "SWP on" sg_wr_mode --page=0xa --contents=0a,0a,02,10,08,00,00,00,00,00,00,00 "$sg"
check_fails "nobody can write" dd if=/dev/zero of="$disk" bs=4096 count=1 oflag=direct status=none
check "SWP off" sg_wr_mode --page=0xa --contents=0a,0a,02,10,00,00,00,00,00,00,00,00 "$sg"
# Linux has noted the write protection, and looks again when it is told to.
echo 1 >"/sys/block/$name/device/rescan"
check "it can be written" dd if=/dev/zero of="$disk" bs=4096 count=1 oflag=direct status=none
check "D_SENSE on" sg_wr_mode --page=0xa --contents=0a,0a,06,10,00,00,00,00,00,00,00,00 "$sg"
check_status 22 "an LBA past the end is refused" sg_unmap --force --lba=131072 --num=1 "$sg"
check "the kernel reads descriptor sense" dd if="$disk" of=/dev/null bs=4096 count=1 iflag=direct status=none
check "D_SENSE off" sg_wr_mode --page=0xa --contents=0a,0a,02,10,00,00,00,00,00,00,00,00 "$sg"
check_fails "WCE cannot be changed" sg_wr_mode --page=8 --contents="08,12,04$(printf ',00%.0s' {1..17})" "$sg"

step "log pages"
check "all pages" sg_logs --all "$sg"
check "general statistics" sg_logs -p 0x19 "$sg"
check "what is used" sg_logs -p 0xc "$sg"
check "blkdiscard" blkdiscard "$disk"
check "nothing is used" sh -c "sg_logs -p 0xc $sg | tee /dev/stderr | grep -A1 'Used LBA' | grep -q ': 0'"
check "reset" sg_logs -r "$sg"

step "thresholds"
check "on" sg_wr_mode --page=1 --contents=01,0a,00,00,00,00,00,80,00,00,00,00 "$sg"
check "at 16 sets of 64 KiB" sg_wr_mode --page=0x1c,2 --contents="5c,02,00,1c$(printf ',00%.0s' {1..12}),00,01,00,00,00,00,00,00,81,02,00,00,00,00,00,10" "$sg"
check "write 1 MiB" dd if=/dev/zero of="$disk" bs=1M count=1 oflag=direct status=none
check "write more" dd if=/dev/zero of="$disk" bs=1M seek=1 count=1 oflag=direct status=none
check "the kernel is told" sh -c "dmesg | grep -i 'provisioning soft threshold'"
check "logout" logout
finish
