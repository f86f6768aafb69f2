/** Command lines of rpc.py (SPDK 26.05), and the parameters that it sends for them. */

const iqn = "iqn.2016-06.io.spdk:disk1"
const uuid = "6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11"

/** `iscsi_*` and `scsi_*`. */
export const iscsiLines: ReadonlyArray<readonly [string, unknown]> = [
  ["iscsi_set_options", undefined],
  [
    "iscsi_set_options -f /etc/auth -b iqn.x -o 30 -n 10 -d -g 3 -a 64 -q 32 -c 1 -w 3 -v 30 -s 65536 -i -l 0 -p",
    {
      auth_file: "/etc/auth",
      node_base: "iqn.x",
      nop_timeout: 30,
      nop_in_interval: 10,
      disable_chap: true,
      chap_group: 3,
      max_sessions: 64,
      max_queue_depth: 32,
      max_connections_per_session: 1,
      default_time2wait: 3,
      default_time2retain: 30,
      first_burst_length: 65536,
      immediate_data: true,
      error_recovery_level: 0,
      allow_duplicated_isid: true
    }
  ],
  [
    "iscsi_set_options -x 64 -k 4 -u 36864 -j 16384 -z 2048 -r -m --no-immediate-data",
    {
      max_large_datain_per_connection: 64,
      max_r2t_per_connection: 4,
      pdu_pool_size: 36864,
      immediate_data_pool_size: 16384,
      data_out_pool_size: 2048,
      require_chap: true,
      mutual_chap: true,
      immediate_data: false
    }
  ],
  ["iscsi_get_options", undefined],
  ["iscsi_set_discovery_auth -r -m -g 2", { require_chap: true, mutual_chap: true, chap_group: 2 }],
  ["iscsi_create_auth_group 7", { tag: 7 }],
  [
    'iscsi_create_auth_group 7 -c "user:u1 secret:s1 muser:mu1 msecret:ms1,user:u2 secret:s:2"',
    {
      tag: 7,
      secrets: [
        { user: "u1", secret: "s1", muser: "mu1", msecret: "ms1" },
        { user: "u2", secret: "s:2" }
      ]
    }
  ],
  ["iscsi_delete_auth_group 7", { tag: 7 }],
  [
    "iscsi_auth_group_add_secret 7 -u hostA -s pw -m tgt -r pw2",
    { tag: 7, user: "hostA", secret: "pw", muser: "tgt", msecret: "pw2" }
  ],
  ["iscsi_auth_group_remove_secret 7 -u hostA", { tag: 7, user: "hostA" }],
  ["iscsi_get_auth_groups", undefined],
  [
    'iscsi_create_initiator_group 2 "ANY !iqn.bad" "127.0.0.0/8 [fd00::]/64"',
    { tag: 2, initiators: ["ANY", "!iqn.bad"], netmasks: ["127.0.0.0/8", "[fd00::]/64"] }
  ],
  ["iscsi_initiator_group_add_initiators 2 -n 'iqn.a iqn.b'", { tag: 2, initiators: ["iqn.a", "iqn.b"] }],
  ["iscsi_initiator_group_remove_initiators 2 -m ANY", { tag: 2, netmasks: ["ANY"] }],
  ["iscsi_delete_initiator_group 2", { tag: 2 }],
  ["iscsi_get_initiator_groups", undefined],
  [
    'iscsi_create_portal_group 1 "192.0.2.10:3260 [::1]:3261 10.0.0.1:3262@0x1" -p -w',
    {
      tag: 1,
      portals: [
        { host: "192.0.2.10", port: "3260" },
        { host: "[::1]", port: "3261" },
        { host: "10.0.0.1", port: "3262" }
      ],
      private: true,
      wait: true
    }
  ],
  ["iscsi_start_portal_group 1", { tag: 1 }],
  ["iscsi_delete_portal_group 1", { tag: 1 }],
  ["iscsi_portal_group_set_auth 1 -g 2 -r -m", { tag: 1, chap_group: 2, require_chap: true, mutual_chap: true }],
  ["iscsi_get_portal_groups", undefined],
  [
    'iscsi_create_target_node disk1 "Data Disk1" "Malloc0:0 Malloc1:1" 1:2 64 -d',
    {
      name: "disk1",
      alias_name: "Data Disk1",
      luns: [
        { bdev_name: "Malloc0", lun_id: 0 },
        { bdev_name: "Malloc1", lun_id: 1 }
      ],
      pg_ig_maps: [{ pg_tag: 1, ig_tag: 2 }],
      queue_depth: 64,
      disable_chap: true
    }
  ],
  [
    'iscsi_create_target_node disk1 "" Malloc0:0 "1:2 2:2" 0 -g 4 -r -m -H -D',
    {
      name: "disk1",
      alias_name: "",
      luns: [{ bdev_name: "Malloc0", lun_id: 0 }],
      pg_ig_maps: [
        { pg_tag: 1, ig_tag: 2 },
        { pg_tag: 2, ig_tag: 2 }
      ],
      queue_depth: 0,
      chap_group: 4,
      require_chap: true,
      mutual_chap: true,
      header_digest: true,
      data_digest: true
    }
  ],
  [`iscsi_delete_target_node ${iqn}`, { name: iqn }],
  [`iscsi_target_node_add_lun ${iqn} Malloc2`, { name: iqn, bdev_name: "Malloc2" }],
  [`iscsi_target_node_add_lun ${iqn} Malloc2 -i -1`, { name: iqn, bdev_name: "Malloc2", lun_id: -1 }],
  [`iscsi_target_node_remove_lun ${iqn} 2`, { name: iqn, lun_id: 2 }],
  [`iscsi_target_node_add_pg_ig_maps ${iqn} 1:3`, { name: iqn, pg_ig_maps: [{ pg_tag: 1, ig_tag: 3 }] }],
  [`iscsi_target_node_remove_pg_ig_maps ${iqn} '1:3'`, { name: iqn, pg_ig_maps: [{ pg_tag: 1, ig_tag: 3 }] }],
  [`iscsi_target_node_set_auth ${iqn} -g 1 -r`, { name: iqn, chap_group: 1, require_chap: true }],
  [
    `iscsi_target_node_set_redirect ${iqn} 1 -a 192.0.2.11 -p 3260`,
    { name: iqn, pg_tag: 1, redirect_host: "192.0.2.11", redirect_port: "3260" }
  ],
  [
    `iscsi_target_node_set_redirect ${iqn} 1 -a 192.0.2.11 -p 3260 --permanent`,
    { name: iqn, pg_tag: 1, redirect_host: "192.0.2.11", redirect_port: "3260", permanent: true }
  ],
  [`iscsi_target_node_set_redirect ${iqn} 1`, { name: iqn, pg_tag: 1 }],
  [`iscsi_target_node_request_logout ${iqn} -t 1`, { name: iqn, pg_tag: 1 }],
  [
    `iscsi_target_node_set_map_access ${iqn} 1 3 -l 0,1 -r`,
    { name: iqn, pg_tag: 1, ig_tag: 3, luns: [0, 1], read_only: true }
  ],
  ["iscsi_get_target_nodes", undefined],
  ["iscsi_get_connections", undefined],
  ["iscsi_get_stats", undefined],
  [`iscsi_enable_histogram ${iqn} --histogram`, { name: iqn, enable: true }],
  [`iscsi_enable_histogram -d ${iqn}`, { name: iqn, enable: false }],
  [`iscsi_get_histogram ${iqn}`, { name: iqn }],
  ["scsi_get_devices", undefined]
]

/** `bdev_*`. */
export const bdevLines: ReadonlyArray<readonly [string, unknown]> = [
  [
    "bdev_set_options -p 65535 -c 256 --no-auto-examine --iobuf-small-cache-size 1 --iobuf-large-cache-size 2",
    {
      bdev_io_pool_size: 65535,
      bdev_io_cache_size: 256,
      bdev_auto_examine: false,
      iobuf_small_cache_size: 1,
      iobuf_large_cache_size: 2
    }
  ],
  ["bdev_set_options -d", { bdev_auto_examine: false }],
  ["bdev_get_bdevs", undefined],
  ["bdev_get_bdevs -b Malloc0 -t 1000", { name: "Malloc0", timeout: 1000 }],
  ["bdev_get_iostat -b Malloc0 -c", { name: "Malloc0", per_channel: true }],
  ["bdev_get_iostat --names A,B --reset-mode maxmin", { names: ["A", "B"], reset_mode: "maxmin" }],
  ["bdev_reset_iostat -b A -m error", { name: "A", mode: "error" }],
  [
    "bdev_set_qos_limit A --rw-ios-per-sec 20000 --rw-mbytes-per-sec 100 --r-mbytes-per-sec 0 --w-mbytes-per-sec 5",
    { name: "A", rw_ios_per_sec: 20000, rw_mbytes_per_sec: 100, r_mbytes_per_sec: 0, w_mbytes_per_sec: 5 }
  ],
  ["bdev_set_qd_sampling_period A 1000", { name: "A", period: 1000 }],
  [
    "bdev_enable_histogram A --histogram -o read --granularity 5 --min-nsec 1 --max-nsec 120000000000",
    { name: "A", enable: true, opc: "read", granularity: 5, min_nsec: 1, max_nsec: 120000000000 }
  ],
  ["bdev_enable_histogram --no-histogram A", { name: "A", enable: false }],
  ["bdev_get_histogram A", { name: "A" }],
  ["bdev_get_histogram_borders A --borders 10,100", { name: "A", borders: [10, 100] }],
  ['bdev_get_histogram_borders A --borders "10 100"', { name: "A", borders: [10, 100] }],
  ["bdev_examine -b A", { name: "A" }],
  ["bdev_wait_for_examine", undefined],
  ["bdev_malloc_create -b Malloc0 64 512", { num_blocks: 131072, block_size: 512, name: "Malloc0" }],
  [
    `bdev_malloc_create 0.5 4096 -u ${uuid} -p 4096 -o 8 -m 0 -t 0 -f 0 -n -1`,
    {
      num_blocks: 128,
      block_size: 4096,
      uuid,
      physical_block_size: 4096,
      optimal_io_boundary: 8,
      md_size: 0,
      dif_type: 0,
      dif_pi_format: 0,
      numa_id: -1
    }
  ],
  [
    "bdev_malloc_create 64 512 -i -d",
    { num_blocks: 131072, block_size: 512, md_interleave: true, dif_is_head_of_md: true }
  ],
  ["construct_malloc_bdev 1GiB 512", { num_blocks: 2097152, block_size: 512 }],
  ["bdev_malloc_delete Malloc0", { name: "Malloc0" }],
  [
    `bdev_aio_create /srv/d.img Aio0 512 -r --fallocate --removable -u ${uuid} --no-wait`,
    {
      filename: "/srv/d.img",
      name: "Aio0",
      block_size: 512,
      readonly: true,
      fallocate: true,
      removable: true,
      uuid,
      nowait: true
    }
  ],
  ["bdev_aio_create /srv/d.img Aio0", { filename: "/srv/d.img", name: "Aio0" }],
  [
    "bdev_aio_create /srv/d.img Aio0 512 --create --size 10GiB --direct --dsync",
    { filename: "/srv/d.img", name: "Aio0", block_size: 512, create: true, size: "10GiB", direct: true, dsync: true }
  ],
  ["bdev_uring_create /dev/sdb Uring0", { filename: "/dev/sdb", name: "Uring0" }],
  ["bdev_uring_rescan Uring0", { name: "Uring0" }],
  ["bdev_uring_delete Uring0", { name: "Uring0" }],
  ["bdev_aio_rescan Aio0", { name: "Aio0" }],
  ["bdev_aio_delete Aio0", { name: "Aio0" }],
  [
    `bdev_null_create Null0 1024 512 -u ${uuid} -p 512 -m 0 -t 0 -d -f 0 -a 0 -g 0 -s 0 -c 0 -r 0`,
    {
      num_blocks: 2097152,
      name: "Null0",
      block_size: 512,
      uuid,
      physical_block_size: 512,
      md_size: 0,
      dif_type: 0,
      dif_is_head_of_md: true,
      dif_pi_format: 0,
      preferred_write_alignment: 0,
      preferred_write_granularity: 0,
      optimal_write_size: 0,
      preferred_unmap_alignment: 0,
      preferred_unmap_granularity: 0
    }
  ],
  ["bdev_null_resize Null0 2048", { name: "Null0", new_size: 2048 }],
  ["bdev_null_delete Null0", { name: "Null0" }],
  [
    "bdev_delay_create -b Malloc0 -d D0 -r 1 -t 2 -w 3 -n 4",
    {
      base_bdev_name: "Malloc0",
      name: "D0",
      avg_read_latency: 1,
      p99_read_latency: 2,
      avg_write_latency: 3,
      p99_write_latency: 4
    }
  ],
  ["bdev_delay_update_latency D0 p99_read 7", { delay_bdev_name: "D0", latency_type: "p99_read", latency_us: 7 }],
  ["bdev_delay_delete D0", { name: "D0" }],
  [`bdev_error_create Malloc0 --uuid ${uuid}`, { base_name: "Malloc0", uuid }],
  [
    "bdev_error_inject_error EE_Malloc0 read corrupt_data -n 5 -q 2 -o 512 -v 255",
    {
      name: "EE_Malloc0",
      io_type: "read",
      error_type: "corrupt_data",
      num: 5,
      queue_depth: 2,
      corrupt_offset: 512,
      corrupt_value: 255
    }
  ],
  ["bdev_error_resume_pending EE_Malloc0", { name: "EE_Malloc0" }],
  ["bdev_error_delete EE_Malloc0", { name: "EE_Malloc0" }]
]

/** All else. */
export const otherLines: ReadonlyArray<readonly [string, unknown]> = [
  ["rpc_get_methods -c -i", { current: true, include_aliases: true }],
  ["spdk_kill_instance SIGTERM", { sig_name: "SIGTERM" }],
  ["framework_get_config iscsi --with-batches", { name: "iscsi", with_batches: true }],
  [
    "framework_set_scheduler dynamic -p 100 --load-limit 20 --core-limit 80 --core-busy 95 --mappings 1:2",
    { name: "dynamic", period: 100, load_limit: 20, core_limit: 80, core_busy: 95, mappings: "1:2" }
  ],
  ["framework_monitor_context_switch", undefined],
  ["framework_monitor_context_switch --no-monitor", { enabled: false }],
  ["framework_monitor_context_switch -e", { enabled: true }],
  ["framework_get_pci_devices --format-lspci", undefined],
  ["thread_set_cpumask -i 1 -m 0x1", { id: 1, cpumask: "0x1" }],
  ["log_set_print_level DEBUG", { level: "DEBUG" }],
  ["log_set_flag all", { flag: "all" }],
  ["log_enable_timestamps --no-timestamps", { enabled: false }],
  ["log_enable_timestamps -e", { enabled: true }],
  ["trace_set_tpoint_mask iscsi_conn 0x1f", { name: "iscsi_conn", tpoint_mask: 31 }],
  ["trace_clear_tpoint_mask scsi ffffffffffffffff", { name: "scsi", tpoint_mask: 2n ** 64n - 1n }],
  ["notify_get_notifications -i 3 -n 10", { id: 3, max: 10 }],
  ["iobuf_set_options --small-pool-count 1 --enable-numa", { small_pool_count: 1, enable_numa: true }],
  ["sock_set_default_impl -i posix", { impl_name: "posix" }],
  [
    "sock_impl_set_options -i posix -r 1 -s 2 -p 1 --disable-recv-pipe --quickack --no-ktls --tls-version 0",
    {
      impl_name: "posix",
      recv_buf_size: 1,
      send_buf_size: 2,
      enable_placement_id: 1,
      enable_recv_pipe: false,
      enable_quickack: true,
      enable_ktls: false,
      tls_version: 0
    }
  ],
  ["accel_assign_opc -o crc32c -m software", { opname: "crc32c", module: "software" }],
  ["bdev_raid_set_options -w 1 -b 2", { process_window_size_kb: 1, process_max_bandwidth_mb_sec: 2 }],
  [
    "bdev_nvme_set_options -d -r -1 --dhchap-digests sha256,sha384 --policy active_active --min-io 4",
    {
      delay_cmd_submit: false,
      bdev_retry_count: -1,
      dhchap_digests: ["sha256", "sha384"],
      multipath_opts: { policy: "active_active", min_io: 4 }
    }
  ],
  ["bdev_nvme_set_hotplug --hotplug -r 100", { enable: true, period_us: 100 }],
  ["keyring_linux_set_options -e", { enable: true }],
  ["keyring_file_remove_key key0", { name: "key0" }],
  ["accel_error_inject_error -o crc32c -t corrupt -c 3", { opcode: "crc32c", type: "corrupt", count: 3 }],
  ["vmd_remove_device 5d0505:01:00.0", { addr: "5d0505:01:00.0" }],
  ["nbd_stop_disk /dev/nbd0", { nbd_device: "/dev/nbd0" }],
  ["nbd_start_disk Malloc0", { bdev_name: "Malloc0" }],
  ["lunlog_config_plan --prune --target disk1", { prune: true, target: "disk1" }],
  ["eventlog_read --from 1 --timeout 5", { from: 1, timeout: 5 }]
]
