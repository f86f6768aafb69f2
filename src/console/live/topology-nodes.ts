/** What there is as trees: of targets, of portal groups, of initiator groups. Each says what it is linked to. */
import { counted, sizeText } from "../format.ts"
import type { TreeNode } from "../parts/tree-nodes.ts"
import { linkTo } from "../route.ts"
import type { InitiatorGroup, PortalGroup, Session, Status, Target } from "../rpc/methods.ts"
import { type Lun, type ObjectIndex, stackOf } from "../store/ObjectIndex.ts"

/** What the trees are made of. */
export interface Topology {
  readonly index: ObjectIndex
  readonly targets: ReadonlyArray<Target>
  readonly portalGroups: ReadonlyArray<PortalGroup>
  readonly initiatorGroups: ReadonlyArray<InitiatorGroup>
  readonly portals: Status["portals"]
}

type Badge = NonNullable<TreeNode["badge"]>

/** How a bdev is, if it is not up. */
export const bdevBadge = (index: ObjectIndex, name: string): Badge | undefined => {
  const state = index.bdevStateByName.get(name)?.state
  if (state === undefined || state === "up") return undefined
  return { text: state, tone: state === "degraded" ? "warn" : "bad" }
}

const withBadge = (node: TreeNode, badge: Badge | undefined): TreeNode =>
  badge === undefined ? node : { ...node, badge }

/** A bdev with what it is stacked on below it. */
const bdevNode = (index: ObjectIndex, name: string, above: string): TreeNode => {
  const key = `${above}/bdev ${name}`
  const [bdev, base] = stackOf(index, name)
  const node = {
    key,
    label: name,
    isNamed: true,
    href: linkTo.disk(name),
    ...(bdev === undefined
      ? {}
      : {
          detail: `${bdev.product_name}, ${sizeText(bdev.block_size * bdev.num_blocks)}, ${bdev.block_size} B blocks`
        }),
    ...(base === undefined ? {} : { children: () => [bdevNode(index, base.name, key)] })
  }
  return withBadge(node, bdevBadge(index, name))
}

const lunNode = (index: ObjectIndex, { bdev, drain, key, lun, target }: Lun): TreeNode => {
  const node = { key: `lun ${key}`, label: `LUN ${lun}`, href: linkTo.lun(target, lun) }
  if (bdev === undefined) {
    return withBadge(node, { text: `draining, ${counted(drain?.commands_left ?? 0, "command")} left`, tone: "warn" })
  }
  const full = { ...node, detail: bdev, children: () => [bdevNode(index, bdev, `lun ${key}`)] }
  return withBadge(full, bdevBadge(index, bdev))
}

const sessionNode = ({ id, initiator_addr, initiator_name }: Session, above: string): TreeNode => ({
  key: `${above}/session ${id}`,
  label: initiator_name,
  isNamed: true,
  detail: initiator_addr,
  href: linkTo.session(id)
})

const groupName = (noun: string, tag: number, name: string | undefined): string =>
  name === undefined ? `${noun} ${tag}` : `${noun} ${name} (${tag})`

/** Names of groups by their tags. */
const mapText = (topology: Topology, { ig_tag, luns, pg_tag, read_only }: Target["pg_ig_maps"][number]): string => {
  const portals = topology.portalGroups.find(({ tag }) => tag === pg_tag)
  const initiators = topology.initiatorGroups.find(({ tag }) => tag === ig_tag)
  const whom = `${groupName("initiator group", ig_tag, initiators?.name)}`
  const which = luns === undefined ? "" : `, LUNs ${luns.join(", ")}`
  return `${groupName("Portal group", pg_tag, portals?.name)} lets in ${whom}${which}${read_only ? ", read-only" : ""}`
}

const targetParts = (topology: Topology, target: Target): ReadonlyArray<TreeNode> => {
  const { index } = topology
  const luns = index.lunsByTarget.get(target.name) ?? []
  const sessions = index.sessionsByTarget.get(target.name) ?? []
  const key = `target ${target.name}`
  return [
    ...luns.map((lun) => lunNode(index, lun)),
    {
      key: `${key}/sessions`,
      label: counted(sessions.length, "session"),
      ...(sessions.length === 0 ? {} : { children: () => sessions.map((session) => sessionNode(session, key)) })
    },
    ...target.pg_ig_maps.map((map) => ({
      key: `${key}/map ${map.pg_tag} ${map.ig_tag}`,
      label: mapText(topology, map),
      href: linkTo.initiatorGroup(map.ig_tag)
    }))
  ]
}

const targetNode = (topology: Topology, target: Target): TreeNode => {
  const { index } = topology
  const luns = index.lunsByTarget.get(target.name) ?? []
  const sessions = index.sessionsByTarget.get(target.name)?.length ?? 0
  const worst = luns.flatMap(({ bdev }) => (bdev === undefined ? [] : (bdevBadge(index, bdev) ?? [])))[0]
  const alias = target.alias_name === undefined || target.alias_name === "" ? "" : `${target.alias_name}, `
  const node = {
    key: `target ${target.name}`,
    label: target.name,
    isNamed: true,
    detail: `${alias}${counted(luns.length, "LUN")}, ${counted(sessions, "session")}`,
    href: linkTo.target(target.name),
    children: () => targetParts(topology, target)
  }
  return withBadge(node, worst)
}

/** Targets, with LUNs, their disks, sessions, and whom they let in. */
export const targetNodes = (topology: Topology): ReadonlyArray<TreeNode> =>
  topology.targets.map((target) => targetNode(topology, target))

const usersOf = (topology: Topology, key: string, uses: (map: Target["pg_ig_maps"][number]) => boolean) => {
  const users = topology.targets.filter(({ pg_ig_maps }) => pg_ig_maps.some(uses))
  return users.map((target) => {
    const node = targetNode(topology, target)
    const { children: _children, ...leaf } = node
    return { ...leaf, key: `${key}/${node.key}` }
  })
}

/** Portal groups, with their portals and the targets that are reached through them. */
export const portalGroupNodes = (topology: Topology): ReadonlyArray<TreeNode> =>
  topology.portalGroups.map(({ name, portals, tag }) => {
    const key = `portal group ${tag}`
    return {
      key,
      label: groupName("Portal group", tag, name),
      detail: portals.map(({ host, port }) => `${host}:${port}`).join(", "),
      href: linkTo.portalGroup(tag),
      children: () => [
        ...topology.portals
          .filter((portal) => portal.tag === tag)
          .map(
            (portal): TreeNode => ({
              key: `${key}/${portal.host}:${portal.port}`,
              label: `${portal.host}:${portal.port}`,
              badge: { text: portal.state, tone: portal.state === "listening" ? "good" : "bad" }
            })
          ),
        ...usersOf(topology, key, ({ pg_tag }) => pg_tag === tag)
      ]
    }
  })

/** Initiator groups, with whom they have and the targets that let them in. */
export const initiatorGroupNodes = (topology: Topology): ReadonlyArray<TreeNode> =>
  topology.initiatorGroups.map(({ initiators, name, netmasks, tag }) => {
    const key = `initiator group ${tag}`
    return {
      key,
      label: groupName("Initiator group", tag, name),
      detail: `${counted(initiators.length, "name")}, ${counted(netmasks.length, "netmask")}`,
      href: linkTo.initiatorGroup(tag),
      children: () => [
        ...initiators.map((initiator) => ({ key: `${key}/name ${initiator}`, label: initiator, detail: "name" })),
        ...netmasks.map((netmask) => ({ key: `${key}/mask ${netmask}`, label: netmask, detail: "netmask" })),
        ...usersOf(topology, key, ({ ig_tag }) => ig_tag === tag)
      ]
    }
  })
