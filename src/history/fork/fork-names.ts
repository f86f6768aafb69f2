/**
 * The single values that are another in a fork: names, ids, addresses, paths. Each is a function of the value alone,
 * equal for names that are the same in another case, and different for different values as far as a hash is.
 */
import { Brand } from "effect"
import type { NbdServer } from "../../domain/bdev/BdevSpec.ts"
import { nbdServerText } from "../../domain/bdev/bdev-nbd-decide.ts"
import { utf8Length } from "../../domain/decision.ts"
import { type Portal, portalKey } from "../../domain/group/PortalGroup.ts"
import { ISCSI_NAME_BYTES_MAX, type IscsiName, iscsiNameKey, type Uuid } from "../../domain/ids.ts"
import type { ForkMapping } from "../../domain/replay/Fork.ts"
import { sha1, uuidV5 } from "../../domain/uuid-v5.ts"

/** Names here are valid by their making. */
const iscsiNameOf = Brand.nominal<IscsiName>()

const hashLength = 8
/** Characters of a file's name that are kept: with the hash below the 255 bytes that file systems take. */
const fileNameKept = 60
const portMax = 65_535

const digestOf = (text: string): string => sha1(new TextEncoder().encode(text))

/** The beginning of `text` in at most `bytes` bytes of UTF-8. */
const cutTo = (text: string, bytes: number): string => {
  let kept = ""
  let length = 0
  for (const character of text) {
    length += utf8Length(character)
    if (length > bytes) break
    kept += character
  }
  return kept
}

/** An `eui.` or `naa.` name is a number and nothing else: it gets another one, a locally assigned one if it is NAA. */
const renumbered = (key: string, suffix: string): string => {
  const digest = digestOf(`${key} ${suffix}`)
  return key.startsWith("eui.") ? `eui.${digest.slice(0, 16)}` : `naa.3${digest.slice(0, 15)}`
}

/** The name of a target in the fork. A name that would be too long ends in a hash of what is cut off. */
export const forkTargetName = ({ identity }: ForkMapping, name: IscsiName): IscsiName => {
  if (identity._tag === "Kept") return name
  const { suffix } = identity
  const key = iscsiNameKey(name)
  if (!key.startsWith("iqn.")) return iscsiNameOf(renumbered(key, suffix))
  const whole = `${name}${suffix}`
  if (utf8Length(whole) <= ISCSI_NAME_BYTES_MAX) return iscsiNameOf(whole)
  const tail = `-${digestOf(key).slice(0, hashLength)}${suffix}`
  return iscsiNameOf(`${cutTo(key, ISCSI_NAME_BYTES_MAX - utf8Length(tail))}${tail}`)
}

interface DiskIdentity {
  readonly name: string
  readonly uuid: Uuid
  readonly uuidExplicit: boolean
}

/** The id of a disk in the fork; one that was derived is derived as the fork would derive it. */
export const forkUuid = ({ identity, instanceId }: ForkMapping, { name, uuid, uuidExplicit }: DiskIdentity): Uuid => {
  if (identity._tag === "Kept") return uuid
  // No bdev's name has a colon.
  return uuidV5(instanceId, uuidExplicit ? `fork:${uuid}` : name)
}

/** Where the fork listens in place of one of the source's portals. */
export const forkPortal = ({ portals }: Pick<ForkMapping, "portals">, { host, port }: Portal): Portal => {
  if (portals._tag === "Offset") {
    // Always a port: what is out of range was refused when the fork was made, unless it is of a later record.
    return { host, port: ((((port - 1 + portals.by) % portMax) + portMax) % portMax) + 1 }
  }
  const key = portalKey({ host, port })
  return { host: portals.host, port: portals.ports.find(({ from }) => portalKey(from) === key)?.port ?? port }
}

/** Where the fork sends initiators whom the source sends to an address. */
export const forkRedirect = ({ redirects }: ForkMapping, { host, port }: Portal): Portal => {
  const key = portalKey({ host, port })
  return redirects.find(({ from }) => portalKey(from) === key)?.to ?? { host, port }
}

/** The fork's file in place of one of the source's: readable, and unique by a hash of the whole path. */
export const forkFile = ({ fileDirectory }: ForkMapping, filename: string): string => {
  const last = filename.slice(filename.lastIndexOf("/") + 1).replace(/[^A-Za-z0-9._-]/gu, "_")
  return `${fileDirectory}/${last.slice(0, fileNameKept)}-${digestOf(filename).slice(0, 16)}`
}

/**
 * The socket of an NBD server of the fork's own in place of one of the source's. Nobody listens there unless the user
 * starts a server on a copy, or on an overlay. Short: a socket's path has 107 bytes.
 */
export const forkSocket = (
  { fileDirectory }: ForkMapping,
  { exportName, server }: { readonly exportName: string; readonly server: NbdServer }
): string => `${fileDirectory}/nbd-${digestOf(`${nbdServerText(server)} ${exportName}`).slice(0, 16)}.sock`
/** No PCI address: what stands in a fork for the place of a controller of its source. */
export const forkNvmeAddress = (address: string): string => `fork:${address.replace(/^fork:/u, "")}`
