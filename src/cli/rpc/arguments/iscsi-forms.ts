/** Command lines of `iscsi_*` methods about groups and targets. */
import { argument, flag, type MethodForm, method, onOff, option, required } from "./MethodForm.ts"
import { integer, integerList, lunList, mapList, portalList, secretList, text, words } from "./value-kinds.ts"

const tag = argument("tag", integer("TAG"), "tag of the group, from 1 on")
const targetName = argument("name", text("NAME"), "name of the target, whole: iqn.2016-06.io.spdk:disk1")

/** Who must authenticate; `what` is what the setting is for. */
const chapOptions = (what: string) => [
  option(["g", "chap-group"], integer("GROUP"), `tag of the auth group of ${what}`),
  flag(["d", "disable-chap"], "never authenticate"),
  flag(["r", "require-chap"], "let only those in who authenticate"),
  flag(["m", "mutual-chap"], "the target authenticates too; with --require-chap")
]

const portalGroups: ReadonlyArray<MethodForm> = [
  method(
    "iscsi_create_portal_group",
    "Listens on one or more addresses.",
    [
      tag,
      argument("portals", portalList, "addresses to listen on; * and [*] are all of IPv4 and IPv6"),
      flag(["p", "private"], "not shown in discovery; a redirect may lead to it"),
      flag(["w", "wait"], "accept nobody before iscsi_start_portal_group")
    ],
    { aliases: ["add_portal_group"], example: "1 127.0.0.1:3260" }
  ),
  method("iscsi_start_portal_group", "Accepts connections to a group made with --wait.", [tag], { example: "1" }),
  method("iscsi_delete_portal_group", "Stops listening; sessions stay.", [tag], {
    aliases: ["delete_portal_group"],
    example: "1"
  }),
  method("iscsi_get_portal_groups", "Shows the portal groups.", [], { aliases: ["get_portal_groups"] }),
  method(
    "iscsi_portal_group_set_auth",
    "Sets who must authenticate to discover over a portal group. All four settings at once.",
    [tag, ...chapOptions("the group")],
    { example: "1 -d" }
  )
]

const initiators = "names of initiators; ANY is all, !NAME is refused"
const netmasks = "their addresses: ANY, 192.0.2.0/24, [fd00::]/64"

const groupMembers = [
  tag,
  option(["n", "initiators"], words("INITIATOR"), initiators),
  option(["m", "netmasks"], words("NETMASK"), netmasks)
]

const initiatorGroups: ReadonlyArray<MethodForm> = [
  method(
    "iscsi_create_initiator_group",
    "Says who may log in, by name and address.",
    [tag, argument("initiators", words("INITIATOR"), initiators), argument("netmasks", words("NETMASK"), netmasks)],
    { aliases: ["add_initiator_group"], example: "2 ANY 127.0.0.0/8" }
  ),
  method("iscsi_initiator_group_add_initiators", "Adds names and addresses to a group.", groupMembers, {
    aliases: ["add_initiators_to_initiator_group"],
    example: '2 -n "iqn.2020-01.org.example:host1" -m "192.0.2.0/24"'
  }),
  method("iscsi_initiator_group_remove_initiators", "Takes names and addresses out of a group.", groupMembers, {
    aliases: ["delete_initiators_from_initiator_group"],
    example: '2 -n "iqn.2020-01.org.example:host1"'
  }),
  method("iscsi_delete_initiator_group", "Deletes a group and the maps that lead to it; sessions stay.", [tag], {
    aliases: ["delete_initiator_group"],
    example: "2"
  }),
  method("iscsi_get_initiator_groups", "Shows the initiator groups.", [], { aliases: ["get_initiator_groups"] })
]

const user = required(option(["u", "user"], text("USER"), "name that the initiator authenticates by"))

const authGroups: ReadonlyArray<MethodForm> = [
  method(
    "iscsi_create_auth_group",
    "Makes a group of CHAP secrets. Whoever sees the process list sees them too: prefer lunlog auth, or JSON on stdin.",
    [tag, option(["c", "secrets"], secretList, "secrets; muser and msecret are the target's own")],
    { aliases: ["add_iscsi_auth_group"], example: '1 -c "user:host1 secret:twelve-letters"' }
  ),
  method("iscsi_delete_auth_group", "Deletes a group of CHAP secrets.", [tag], {
    aliases: ["delete_iscsi_auth_group"],
    example: "1"
  }),
  method(
    "iscsi_auth_group_add_secret",
    "Adds a CHAP secret. Whoever sees the process list sees it too: prefer lunlog auth, or JSON on stdin.",
    [
      tag,
      user,
      required(option(["s", "secret"], text("SECRET"), "the initiator's secret")),
      option(["m", "muser"], text("USER"), "name that the target authenticates by"),
      option(["r", "msecret"], text("SECRET"), "the target's secret")
    ],
    { aliases: ["add_secret_to_iscsi_auth_group"], example: "1 -u host1 -s twelve-letters" }
  ),
  method("iscsi_auth_group_remove_secret", "Takes a CHAP secret out of its group.", [tag, user], {
    aliases: ["delete_secret_from_iscsi_auth_group"],
    example: "1 -u host1"
  }),
  method("iscsi_get_auth_groups", "Shows the groups with their secrets, in clear.", [], {
    aliases: ["get_iscsi_auth_groups"]
  })
]

const maps = argument("pg_ig_maps", mapList, "which portal group lets which initiator group in")

const targetNodes: ReadonlyArray<MethodForm> = [
  method(
    "iscsi_create_target_node",
    "Makes a target from bdevs and groups that exist.",
    [
      argument("name", text("NAME"), "whole name, or what comes behind the node base (disk1)"),
      argument("alias_name", text("ALIAS"), "what initiators may show to people"),
      argument("luns", lunList, "the disks; LUN 0 must be among them"),
      maps,
      argument("queue_depth", integer("N"), "commands in flight per session; 0 for the most that is allowed"),
      ...chapOptions("the target"),
      flag(["H", "header-digest"], "require CRC32C of headers"),
      flag(["D", "data-digest"], "require CRC32C of data"),
      flag(["", "require-lun-zero"], "--no-require-lun-zero: the target may begin without LUN 0 (not in SPDK)")
    ],
    { aliases: ["construct_target_node"], example: 'disk1 "Data Disk1" "Malloc0:0 Malloc1:1" 1:2 64 -d' }
  ),
  method("iscsi_delete_target_node", "Asks sessions to log out, and deletes a target; its bdevs stay.", [targetName], {
    aliases: ["delete_target_node"],
    example: "iqn.2016-06.io.spdk:disk1"
  }),
  method(
    "iscsi_target_node_add_lun",
    "Adds a disk to a target, also while initiators are logged in.",
    [
      targetName,
      argument("bdev_name", text("BDEV"), "the disk"),
      option(["i", "lun-id"], integer("LUN"), "id of the LUN; the lowest that is free if left out or -1")
    ],
    { aliases: ["target_node_add_lun"], example: "iqn.2016-06.io.spdk:disk1 Malloc2 -i 2" }
  ),
  method(
    "iscsi_target_node_remove_lun",
    "Takes a disk away from a target, once its commands have ended (not in SPDK).",
    [targetName, argument("lun_id", integer("LUN"), "id of the LUN")],
    { example: "iqn.2016-06.io.spdk:disk1 2" }
  ),
  method("iscsi_target_node_add_pg_ig_maps", "Lets an initiator group in over a portal group.", [targetName, maps], {
    aliases: ["add_pg_ig_maps"],
    example: "iqn.2016-06.io.spdk:disk1 1:3"
  }),
  method("iscsi_target_node_remove_pg_ig_maps", "Takes a map away; sessions stay.", [targetName, maps], {
    aliases: ["delete_pg_ig_maps"],
    example: "iqn.2016-06.io.spdk:disk1 1:3"
  }),
  method(
    "iscsi_target_node_set_map_access",
    "Says what a map gives to those whom it lets in: all LUNs or some, to read and write or to read (not in SPDK).",
    [
      targetName,
      argument("pg_tag", integer("TAG"), "tag of the map's portal group"),
      argument("ig_tag", integer("TAG"), "tag of the map's initiator group"),
      option(["l", "luns"], integerList("LUN"), "only these LUNs; all if left out"),
      flag(["r", "read-only"], "reading only")
    ],
    { example: "iqn.2016-06.io.spdk:disk1 1 3 --luns 0,1 --read-only" }
  ),
  method("iscsi_get_target_nodes", "Shows the targets.", [], { aliases: ["get_target_nodes"] })
]

const targetLogins: ReadonlyArray<MethodForm> = [
  method(
    "iscsi_target_node_set_auth",
    "Sets who must authenticate to log in to a target. All four settings at once.",
    [targetName, ...chapOptions("the target")],
    { aliases: ["set_iscsi_target_node_auth"], example: "iqn.2016-06.io.spdk:disk1 -d" }
  ),
  method(
    "iscsi_target_node_set_redirect",
    "Sends logins over a portal group to another address; without one, no longer.",
    [
      targetName,
      argument("pg_tag", integer("TAG"), "tag of the portal group"),
      option(["a", "redirect-host"], text("HOST"), "numeric address"),
      option(["p", "redirect-port"], text("PORT"), "port"),
      flag(["", "permanent"], "initiators may remember it (lunlog's own)")
    ],
    { example: "iqn.2016-06.io.spdk:disk1 1 -a 192.0.2.11 -p 3260" }
  ),
  method(
    "iscsi_target_node_request_logout",
    "Asks the sessions of a target to log out; those that do not are cut after 30 s.",
    [targetName, option(["t", "pg-tag"], integer("TAG"), "only those over this portal group")],
    { example: "iqn.2016-06.io.spdk:disk1" }
  ),
  method(
    "iscsi_enable_histogram",
    "Starts or ends measuring how long a target's commands take.",
    [
      targetName,
      ...onOff("histogram", "enable", "measure or not", [
        ["e", "enable"],
        ["d", "disable"]
      ]).map(required)
    ],
    { example: "iqn.2016-06.io.spdk:disk1 --histogram" }
  ),
  method("iscsi_get_histogram", "Shows how long a target's commands have taken.", [targetName], {
    example: "iqn.2016-06.io.spdk:disk1"
  })
]

const options: ReadonlyArray<MethodForm> = [
  method(
    "iscsi_set_options",
    "Sets what holds for all targets; once, before framework_start_init.",
    [
      option(["f", "auth-file"], text("FILE"), "file of CHAP secrets"),
      option(["b", "node-base"], text("NAME"), "prefix of short target names"),
      option(["o", "nop-timeout"], integer("SECONDS"), "how long a ping may stay unanswered"),
      option(["n", "nop-in-interval"], integer("SECONDS"), "silence after which to ping; 0 for never"),
      ...chapOptions("discovery"),
      option(["a", "max-sessions"], integer("N"), "sessions in all"),
      option(["q", "max-queue-depth"], integer("N"), "commands in flight per session"),
      option(["c", "max-connections-per-session"], integer("N"), "MaxConnections"),
      option(["w", "default-time2wait"], integer("SECONDS"), "DefaultTime2Wait"),
      option(["v", "default-time2retain"], integer("SECONDS"), "DefaultTime2Retain"),
      option(["s", "first-burst-length"], integer("BYTES"), "FirstBurstLength"),
      flag(["i", "immediate-data"], "ImmediateData"),
      option(["l", "error-recovery-level"], integer("N"), "ErrorRecoveryLevel"),
      flag(["p", "allow-duplicated-isid"], "a second session of the same ISID does not end the first"),
      option(["x", "max-large-datain-per-connection"], integer("N"), "pieces of large reads (no effect)"),
      option(["k", "max-r2t-per-connection"], integer("N"), "writes that wait for data (no effect)"),
      option(["u", "pdu-pool-size"], integer("N"), "(no effect)"),
      option(["j", "immediate-data-pool-size"], integer("N"), "(no effect)"),
      option(["z", "data-out-pool-size"], integer("N"), "(no effect)")
    ],
    { aliases: ["set_iscsi_options"], example: "-o 30 -n 10 -q 128" }
  ),
  method("iscsi_get_options", "Shows what holds for all targets.", [], { aliases: ["get_iscsi_global_params"] }),
  method(
    "iscsi_set_discovery_auth",
    "Sets who must authenticate to discover. All four settings at once.",
    chapOptions("discovery"),
    { aliases: ["set_iscsi_discovery_auth"], example: "-d" }
  ),
  method("iscsi_get_connections", "Shows the connections.", [], { aliases: ["get_iscsi_connections"] }),
  method("iscsi_get_stats", "Counts the connections by state."),
  method("scsi_get_devices", "Shows the SCSI devices, one per target.", [], { aliases: ["get_scsi_devices"] })
]

/** This file's forms. */
export const iscsiForms: ReadonlyArray<MethodForm> = [
  ...portalGroups,
  ...initiatorGroups,
  ...authGroups,
  ...targetNodes,
  ...targetLogins,
  ...options
]
