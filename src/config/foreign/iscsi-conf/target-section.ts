/** `[TargetNodeN]`: a target with its maps and LUNs; N means nothing. */
import { LUN_MAX } from "../../../domain/ids.ts"
import type { IniKey } from "../../ini.ts"
import type { TargetSection } from "../../native/native-schema.ts"
import type { SectionReader } from "./SectionReader.ts"

type Flags = NonNullable<TargetSection["auth"]>

/** `None`, `Auto`, `CHAP`, `CHAP Mutual`; `Mutual` alone is both, as the sample file says. */
export const authFlags = (reader: SectionReader, name: string): Flags => {
  const key = reader.first(name)
  const words = (key?.values ?? []).map((word) => word.toLowerCase())
  const unknown = words.find((word) => !["none", "auto", "chap", "mutual"].includes(word))
  if (unknown !== undefined) reader.warn(key, `"${unknown}" is not known; use None, Auto, CHAP or CHAP Mutual`)
  if (words.includes("mutual")) return { requireChap: true, mutualChap: true }
  if (words.includes("chap")) return { requireChap: true }
  return words.includes("none") ? { disableChap: true } : {}
}

/** The number in `AuthGroup1`, `PortalGroup1` ...; `None` and absence are undefined. */
const numberIn = (text: string, kind: string): number | undefined => {
  const digits = new RegExp(`^${kind}(\\d{1,10})$`, "iu").exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** `AuthGroupN` or `None`. */
export const authGroupTag = (reader: SectionReader, name: string): number | undefined => {
  const text = reader.text(name)
  if (text === undefined || /^none$/iu.test(text)) return undefined
  const tag = numberIn(text, "AuthGroup")
  if (tag === undefined) reader.warn(reader.first(name), `"${text}" is not known; use AuthGroupN or None`)
  return tag
}

const mapOf = (reader: SectionReader, key: IniKey): TargetSection["maps"] => {
  const portalGroup = numberIn(key.values[0] ?? "", "PortalGroup")
  const initiatorGroup = numberIn(key.values[1] ?? "", "InitiatorGroup")
  if (portalGroup !== undefined && initiatorGroup !== undefined) return [{ portalGroup, initiatorGroup }]
  reader.warn(key, "is left out; write Mapping PortalGroupN InitiatorGroupN")
  return []
}

/** `LUN0 Malloc0`: the first line of each number. */
const lunKeys = (reader: SectionReader): ReadonlyMap<number, IniKey> => {
  const keys = new Map<number, IniKey>()
  for (const key of reader.section.keys) {
    const digits = /^lun(\d{1,5})$/iu.exec(key.name)?.[1]
    if (digits === undefined) continue
    reader.ignore(key.name)
    const lun = Number(digits)
    const before = keys.get(lun)
    if (lun > LUN_MAX) reader.warn(key, `is left out: ids are 0 to ${LUN_MAX}`)
    else if (before !== undefined) reader.warn(key, `is given again; that of line ${before.line} counts`)
    else keys.set(lun, key)
  }
  return keys
}

/** A bdev that the file does not make cannot be there. */
const lunsOf = (reader: SectionReader, bdevs: ReadonlySet<string>): TargetSection["luns"] =>
  [...lunKeys(reader)].flatMap(([lun, key]) => {
    const [bdev] = key.values
    if (bdev !== undefined && bdevs.has(bdev)) return [{ lun, bdev }]
    const why = bdev === undefined ? "has no bdev" : `bdev "${bdev}" is none that lunlog can make`
    reader.warn(key, `${why}; the LUN is left out`)
    return []
  })

/** `Auto`, or any of `Header` and `Data`. */
const digestsOf = (reader: SectionReader): Pick<TargetSection, "headerDigest" | "dataDigest"> => {
  const key = reader.first("UseDigest")
  const words = (key?.values ?? []).map((word) => word.toLowerCase())
  const unknown = words.find((word) => !["auto", "header", "data"].includes(word))
  if (unknown !== undefined) reader.warn(key, `"${unknown}" is not known; use Auto, Header or Data`)
  return {
    ...(words.includes("header") ? { headerDigest: true } : {}),
    ...(words.includes("data") ? { dataDigest: true } : {})
  }
}

/** The section as a target; `bdevs` are the names that the file makes. */
export const readTargetNode = (reader: SectionReader, bdevs: ReadonlySet<string>): void => {
  const name = reader.text("TargetName")
  const alias = reader.text("TargetAlias")
  const maps = reader.all("Mapping").flatMap((key) => mapOf(reader, key))
  const luns = lunsOf(reader, bdevs)
  const queueDepth = reader.number("QueueDepth")
  const chapGroup = authGroupTag(reader, "AuthGroup")
  const auth = { ...authFlags(reader, "AuthMethod"), ...(chapGroup === undefined ? {} : { chapGroup }) }
  const digests = digestsOf(reader)
  reader.ignore("Comment")
  if (name === undefined) {
    reader.warn(undefined, "has no TargetName and is left out")
    return
  }
  const section: TargetSection = {
    name,
    ...(alias === undefined ? {} : { alias }),
    maps,
    luns,
    ...(queueDepth === undefined ? {} : { queueDepth }),
    ...(Object.keys(auth).length === 0 ? {} : { auth }),
    ...digests
  }
  reader.draft.target(section, reader.place())
}
