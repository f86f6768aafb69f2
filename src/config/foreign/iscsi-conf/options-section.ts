/** `[iSCSI]`: the options of the target as a whole. */
import type { OptionsSection } from "../../native/native-schema.ts"
import type { SectionReader } from "./SectionReader.ts"
import { authFlags, authGroupTag } from "./target-section.ts"

/** The native option of each key that is a number. */
export const numberOptions = {
  MaxSessions: "maxSessions",
  MaxConnectionsPerSession: "maxConnectionsPerSession",
  MaxQueueDepth: "maxQueueDepth",
  Timeout: "nopTimeout",
  NopInInterval: "nopInInterval",
  DefaultTime2Wait: "defaultTime2Wait",
  DefaultTime2Retain: "defaultTime2Retain",
  FirstBurstLength: "firstBurstLength",
  MaxLargeDataInPerConnection: "maxLargeDataInPerConnection",
  MaxR2TPerConnection: "maxR2tPerConnection",
  ErrorRecoveryLevel: "errorRecoveryLevel"
} as const

/** Numbers that are only kept: another than what is done is told. */
const keptOnly: ReadonlyArray<readonly [name: string, value: number, why: string]> = [
  ["ErrorRecoveryLevel", 0, "lunlog recovers at level 0, the session"]
]

/** Reads the section into the options. */
export const readOptionsSection = (reader: SectionReader): void => {
  const options: Record<string, number | string | boolean> = {}
  const set = (name: keyof OptionsSection, value: number | string | boolean | undefined): void => {
    if (value !== undefined) options[name] = value
  }
  set("nodeBase", reader.text("NodeBase"))
  for (const [key, name] of Object.entries(numberOptions)) set(name, reader.number(key))
  set("immediateData", reader.boolean("ImmediateData"))
  set("allowDuplicatedIsid", reader.boolean("AllowDuplicateIsid"))
  for (const [name, value, why] of keptOnly) {
    const given = reader.number(name)
    if (given !== undefined && given !== value) reader.warn(reader.first(name), `${given} has no effect: ${why}`)
  }
  const chapGroup = authGroupTag(reader, "DiscoveryAuthGroup")
  const auth = { ...authFlags(reader, "DiscoveryAuthMethod"), ...(chapGroup === undefined ? {} : { chapGroup }) }
  if (Object.keys(auth).length > 0) reader.draft.options({ discoveryAuth: auth }, reader.place())
  // Whoever reads the file reads the auth file beside it.
  reader.ignore("AuthFile")
  reader.without("has no effect: connections are not spread over cores", "MinConnectionsPerCore")
  reader.ignore("Comment")
  if (Object.keys(options).length > 0) reader.draft.options(options, reader.place())
}
