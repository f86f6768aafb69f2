/** `lunlog target`: targets, their maps, and who must authenticate. */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import { printable } from "../printable.ts"
import type { Call } from "../rpc/rpc-session.ts"
import { byteText, table } from "../table.ts"
import { about, act, count, listing, namesFlag, shared } from "./act.ts"
import {
  ask,
  askTargets,
  Bdevs,
  bytesOf,
  findTarget,
  InitiatorGroups,
  PortalGroups,
  Sessions,
  type Target
} from "./answers.ts"
import { chapFlags, chapOf, chapParams, newChapFlags, warnOfGroup } from "./chap.ts"
import { describeMaps, groupArgument, mapOf, tagOf } from "./groups.ts"
import { portalOf } from "./portal-noun.ts"

const name = Argument.String("target").pipe(
  Argument.withDescription("Its name, whole or without what stands before the first colon")
)

const list = Command.make("list", { ...shared, names: namesFlag }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const targets = yield* askTargets(call)
      const names = targets.map((target) => target.name)
      if (input.names) return { json: names, text: names.join("\n") }
      const sessions = yield* ask(call, Sessions, "lunlog_get_sessions")
      const mapText = yield* describeMaps(call)
      const rows = targets.map((target) => [
        target.name,
        printable(target.alias_name ?? ""),
        String(target.luns.length),
        target.pg_ig_maps.map(mapText).join("; "),
        chapOf(target),
        String(sessions.filter(({ target_name }) => target_name === target.name).length)
      ])
      return {
        json: targets,
        text: listing("no target", ["TARGET", "ALIAS", "LUNS", "MAPS", "CHAP", "SESSIONS"], rows)
      }
    })
  )
).pipe(about("List the targets.", "target list", "target list --json"))

const lunRows = (target: Target, bdevs: typeof Bdevs.Type) =>
  target.luns.map(({ bdev_name, lun_id }) => {
    const bdev = bdevs.find((one) => one.name === bdev_name)
    return [String(lun_id), bdev_name, bdev?.product_name ?? "", bdev === undefined ? "" : byteText(bytesOf(bdev))]
  })

const gatherTarget = (call: Call, wanted: string) =>
  Effect.gen(function* () {
    const target = yield* findTarget(call, wanted)
    const bdevs = yield* ask(call, Bdevs, "bdev_get_bdevs")
    const portals = yield* ask(call, PortalGroups, "iscsi_get_portal_groups")
    const initiators = yield* ask(call, InitiatorGroups, "iscsi_get_initiator_groups")
    const all = yield* ask(call, Sessions, "lunlog_get_sessions")
    const sessions = all.filter(({ target_name }) => target_name === target.name)
    return { target, bdevs, portals, initiators, sessions, mapText: yield* describeMaps(call) }
  })

const mapRows = (found: Effect.Success<ReturnType<typeof gatherTarget>>) =>
  found.target.pg_ig_maps.map((map) => {
    const portals = found.portals.find(({ tag }) => tag === map.pg_tag)?.portals ?? []
    const group = found.initiators.find(({ tag }) => tag === map.ig_tag)
    return [
      found.mapText(map),
      portals.map(({ host, port }) => `${host}:${port}`).join(" "),
      group?.initiators.join(" ") ?? "",
      group?.netmasks.join(" ") ?? ""
    ]
  })

const showText = (found: Effect.Success<ReturnType<typeof gatherTarget>>): string => {
  const { bdevs, sessions, target } = found
  const digests = [...(target.header_digest ? ["header"] : []), ...(target.data_digest ? ["data"] : [])]
  const group = target.chap_group === 0 ? "" : `, auth group ${target.chap_group}`
  const facts = [
    ["target", target.name],
    ["alias", printable(target.alias_name ?? "")],
    ["queue depth", String(target.queue_depth)],
    ["CHAP", `${chapOf(target)}${group}`],
    ["digests", digests.length === 0 ? "as the initiator likes" : `${digests.join(" and ")} required`]
  ]
  return [
    table(["", ""], facts).trimStart(),
    listing("no LUN", ["LUN", "BDEV", "TYPE", "SIZE"], lunRows(target, bdevs)),
    listing("no map: nobody can reach it", ["MAP", "PORTALS", "INITIATORS", "NETMASKS"], mapRows(found)),
    listing(
      "no session",
      ["SESSION", "INITIATOR", "ADDRESS"],
      sessions.map(({ initiator_addr, initiator_name, tsih }) => [
        String(tsih),
        printable(initiator_name),
        initiator_addr
      ])
    )
  ].join("\n\n")
}

const show = Command.make("show", { ...shared, name }, (input) =>
  act(input, (call) =>
    Effect.map(gatherTarget(call, input.name), (found) => ({
      json: { ...found.target, sessions: found.sessions },
      text: showText(found)
    }))
  )
).pipe(about("Show a target with its LUNs, who may reach it, and who has logged in.", "target show disk1"))

/** `BDEV` or `BDEV:LUN`; without an id the lowest one that is free. */
const lunsOf = (
  words: ReadonlyArray<string>
): ReadonlyArray<{ readonly bdev_name: string; readonly lun_id: number }> => {
  const given = words.map((word) => /^(.+):(\d{1,5})$/.exec(word) ?? [word, word])
  const taken = new Set(given.flatMap(([, , id]) => (id === undefined ? [] : [Number(id)])))
  let free = 0
  return given.map(([, bdev = "", id]) => {
    if (id !== undefined) return { bdev_name: bdev, lun_id: Number(id) }
    while (taken.has(free)) free++
    taken.add(free)
    return { bdev_name: bdev, lun_id: free }
  })
}

const tags = (groups: ReadonlyArray<{ readonly tag: number }>): string => groups.map(({ tag }) => tag).join(", ")

/** Where there is only one group of each kind, they are meant. */
const onlyMap = (call: Call) =>
  Effect.gen(function* () {
    const portals = yield* ask(call, PortalGroups, "iscsi_get_portal_groups")
    const initiators = yield* ask(call, InitiatorGroups, "iscsi_get_initiator_groups")
    const [portal, otherPortal] = portals
    const [initiator, otherInitiator] = initiators
    if (portal === undefined || initiator === undefined) {
      const missing = portal === undefined ? "lunlog portal add 127.0.0.1:3260" : "lunlog initiator create"
      return yield* new CliFailure({ message: `nobody could reach the target: first ${missing}, or give --no-map` })
    }
    if (otherPortal === undefined && otherInitiator === undefined)
      return [{ pg_tag: portal.tag, ig_tag: initiator.tag }]
    const groups = `the portal groups ${tags(portals)} and the initiator groups ${tags(initiators)}`
    const message = `who may reach the target? --map PORTAL_GROUP:INITIATOR_GROUP, of ${groups}`
    return yield* new CliFailure({ message })
  })

const create = Command.make(
  "create",
  {
    ...shared,
    name: Argument.String("name").pipe(Argument.withDescription("Whole name, or what comes behind the node base")),
    luns: Flag.String("lun").pipe(
      Flag.withMetavar("BDEV[:LUN]"),
      Flag.withDescription("A disk; may be given several times"),
      Flag.atLeast(0)
    ),
    maps: Flag.String("map").pipe(
      Flag.withMetavar("PG:IG"),
      Flag.withDescription("Portal group and initiator group; may be given several times. Default: the only ones"),
      Flag.atLeast(0)
    ),
    noMap: Flag.Boolean("no-map").pipe(
      Flag.withDescription("Nobody may reach it yet"),
      Flag.withoutNegation,
      Flag.withDefault(false)
    ),
    alias: Flag.String("alias").pipe(Flag.withDescription("What initiators may show to people"), Flag.withDefault("")),
    queueDepth: Flag.Int("queue-depth").pipe(
      Flag.withDescription("Commands in flight per session; 0 (default) for the most that is allowed"),
      Flag.withDefault(0)
    ),
    ...newChapFlags
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const luns = lunsOf(input.luns)
        const given = input.maps.length > 0 ? Effect.forEach(input.maps, (word) => mapOf(call, word)) : onlyMap(call)
        const chap = yield* chapParams(call, input.chap, input.chapGroup, 0)
        yield* call("iscsi_create_target_node", {
          name: input.name,
          alias_name: input.alias,
          luns,
          pg_ig_maps: input.noMap ? [] : yield* given,
          queue_depth: input.queueDepth,
          ...chap,
          require_lun_zero: false
        })
        yield* warnOfGroup(call, input.chap, chap.chap_group)
        const target = yield* findTarget(call, input.name)
        const maps = target.pg_ig_maps.map(yield* describeMaps(call)).join("; ")
        const reach = maps === "" ? "nobody may reach it yet" : `maps ${maps}`
        return { json: target, text: `target ${target.name} with ${count(luns.length, "LUN")}, ${reach}` }
      })
    )
).pipe(
  about(
    "Create a target from disks and groups that exist.",
    "target create disk1 --lun Malloc0 --lun Malloc1",
    "target create disk1 --lun Malloc0:0 --map 1:2 --alias 'Data disk'"
  )
)

const remove = Command.make("delete", { ...shared, name }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const target = yield* findTarget(call, input.name)
      yield* call("iscsi_delete_target_node", { name: target.name })
      return { json: true, text: `target ${target.name} is deleted; its disks stay` }
    })
  )
).pipe(about("Ask a target's sessions to log out, and delete it. Its disks stay.", "target delete disk1"))

const mapArgument = groupArgument("map", "PORTAL_GROUP:INITIATOR_GROUP by tags or names, such as 1:2")

const map = Command.make(
  "map",
  {
    ...shared,
    name,
    map: mapArgument,
    luns: Flag.Int("lun").pipe(
      Flag.withDescription("Only this LUN; may be given several times. Default: all"),
      Flag.atLeast(0)
    ),
    readOnly: Flag.Boolean("read-only").pipe(Flag.withDescription("Reading only"), Flag.withDefault(false))
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const target = yield* findTarget(call, input.name)
        const groups = yield* mapOf(call, input.map)
        const wanted = {
          ...groups,
          ...(input.luns.length === 0 ? {} : { luns: input.luns }),
          ...(input.readOnly ? { read_only: true } : {})
        }
        const isThere = target.pg_ig_maps.some(
          ({ ig_tag, pg_tag }) => pg_tag === groups.pg_tag && ig_tag === groups.ig_tag
        )
        yield* isThere
          ? call("iscsi_target_node_set_map_access", { name: target.name, ...wanted })
          : call("iscsi_target_node_add_pg_ig_maps", { name: target.name, pg_ig_maps: [wanted] })
        const now = yield* findTarget(call, target.name)
        const maps = now.pg_ig_maps.map(yield* describeMaps(call))
        return { json: now, text: `${now.name}: maps ${maps.join("; ")}` }
      })
    )
).pipe(
  about(
    "Let an initiator group reach a target over a portal group, or change what it gets there.",
    "target map disk1 1:3",
    "target map disk1 1:3 --lun 0 --read-only"
  )
)

const unmap = Command.make("unmap", { ...shared, name, map: mapArgument }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const target = yield* findTarget(call, input.name)
      yield* call("iscsi_target_node_remove_pg_ig_maps", {
        name: target.name,
        pg_ig_maps: [yield* mapOf(call, input.map)]
      })
      return { json: yield* findTarget(call, target.name), text: `${target.name}: no map ${input.map}; sessions stay` }
    })
  )
).pipe(about("Take a map away. Sessions stay.", "target unmap disk1 1:3"))

const auth = Command.make("auth", { ...shared, name, ...chapFlags }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const target = yield* findTarget(call, input.name)
      const params = yield* chapParams(call, input.chap, input.chapGroup, target.chap_group)
      yield* call("iscsi_target_node_set_auth", { name: target.name, ...params })
      yield* warnOfGroup(call, input.chap, params.chap_group)
      const now = yield* findTarget(call, target.name)
      const group = now.chap_group === 0 ? "no auth group" : `auth group ${now.chap_group}`
      return { json: now, text: `${now.name}: CHAP ${chapOf(now)}, ${group}; later logins count` }
    })
  )
).pipe(
  about(
    "Say who must authenticate to log in.",
    "target auth disk1 --chap required --chap-group 1",
    "target auth disk1 --chap off"
  )
)

const redirect = Command.make(
  "redirect",
  {
    ...shared,
    name,
    group: groupArgument("portal-group", "Group over which the logins come, by tag or name"),
    address: Argument.String("address").pipe(
      Argument.withDescription("HOST[:PORT] where to; without it logins are served here again"),
      Argument.optional
    ),
    permanent: Flag.Boolean("permanent").pipe(
      Flag.withDescription("Initiators may remember it"),
      Flag.withDefault(false)
    )
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const target = yield* findTarget(call, input.name)
        const to = Option.isSome(input.address) ? yield* portalOf(input.address.value) : undefined
        yield* call("iscsi_target_node_set_redirect", {
          name: target.name,
          pg_tag: yield* tagOf(call, "portal", input.group),
          ...(to === undefined ? {} : { redirect_host: to.host, redirect_port: to.port }),
          ...(input.permanent ? { permanent: true } : {})
        })
        const where =
          to === undefined
            ? "are served here"
            : `are sent to ${to.host}:${to.port}${input.permanent ? " for good" : ""}`
        return { json: true, text: `${target.name}: logins over portal group ${input.group} ${where}; sessions stay` }
      })
    )
).pipe(
  about(
    "Send logins over a portal group to another address, or serve them here again.",
    "target redirect disk1 1 192.0.2.11:3260",
    "target redirect disk1 1"
  )
)

/** The noun. */
export const targetNoun = Command.make("target").pipe(
  Command.withDescription("Targets: list, show, create, delete, map, unmap, auth, redirect."),
  Command.withSubcommands([list, show, create, remove, map, unmap, auth, redirect])
)
