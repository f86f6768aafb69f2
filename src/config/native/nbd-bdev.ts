/** NBD disks of a native configuration: from the section of a file to what is asked for, and back. */
import { Result } from "effect"
import { BdevRequest, type BdevSpec, removableKey } from "../../domain/bdev/BdevSpec.ts"
import { nbdDefaults } from "../../domain/bdev/bdev-nbd-decide.ts"
import { nbdUri, parseNbdUri } from "../../domain/bdev/nbd-uri.ts"
import { durationText, parseMicros } from "../duration.ts"
import { parseSize } from "../size.ts"
import type { BdevSection } from "./native-schema.ts"

type NbdSection = Extract<BdevSection, { readonly type: "nbd" }>
type NbdSpec = Extract<BdevSpec, { readonly _tag: "Nbd" }>

const secondMicros = 1_000_000

const secondsOf = (time: string | number | undefined, otherwise: number): number =>
  time === undefined ? otherwise : (parseMicros(time, secondMicros) ?? Number.NaN) / secondMicros

/** Its URI is one: the form of the file was checked. */
export const nbdRequestOf = (section: NbdSection): BdevRequest => {
  const { exportName, server, tls } = Result.getOrElse(parseNbdUri(section.uri), () => ({
    exportName: "",
    server: { path: section.uri },
    tls: false
  }))
  const { blockSize, connections, ...defaults } = nbdDefaults
  return BdevRequest.cases.Nbd.make({
    server,
    exportName,
    blockSize: section.blockSize === undefined ? blockSize : (parseSize(section.blockSize) ?? Number.NaN),
    readOnly: section.readOnly ?? false,
    connections: section.connections ?? connections,
    ...(tls || section.tls !== undefined ? { tls: section.tls ?? {} } : {}),
    reconnectSeconds: secondsOf(section.reconnectTimeout, defaults.reconnectSeconds),
    replySeconds: secondsOf(section.replyTimeout, defaults.replySeconds),
    giveUpSeconds: secondsOf(section.giveUpAfter, defaults.giveUpSeconds),
    ...removableKey(section)
  })
}

const timeKey = <K extends string>(key: K, seconds: number, otherwise: number) =>
  seconds === otherwise ? {} : { [key]: durationText(seconds * secondMicros) }

/** Without what is the default. */
export const nbdSectionOf = (name: string, identity: { readonly uuid?: string }, spec: NbdSpec): NbdSection => {
  const { tls } = spec
  return {
    type: "nbd",
    name,
    ...identity,
    uri: nbdUri({ ...spec, tls: tls !== undefined }),
    ...(spec.blockSize === nbdDefaults.blockSize ? {} : { blockSize: spec.blockSize }),
    ...(spec.readOnly ? { readOnly: true } : {}),
    ...(spec.connections === nbdDefaults.connections ? {} : { connections: spec.connections }),
    ...(tls === undefined || Object.keys(tls).length === 0 ? {} : { tls }),
    ...timeKey("reconnectTimeout", spec.reconnectSeconds, nbdDefaults.reconnectSeconds),
    ...timeKey("replyTimeout", spec.replySeconds, nbdDefaults.replySeconds),
    ...timeKey("giveUpAfter", spec.giveUpSeconds, nbdDefaults.giveUpSeconds),
    ...removableKey(spec)
  }
}
