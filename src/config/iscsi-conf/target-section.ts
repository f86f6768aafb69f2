/** `[TargetNodeN]`: a target with its maps and LUNs; N means nothing. */
import type { IniKey } from "../ini.ts"
import type { TargetSection } from "../native-schema.ts"
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

/** `LUN0 Malloc0`; a bdev that the file does not make cannot be there. */
const lunsOf = (reader: SectionReader, bdevs: ReadonlySet<string>): TargetSection["luns"] => {
  const names = new Set(reader.section.keys.map(({ name }) => name).filter((name) => /^lun\d{1,5}$/iu.test(name)))
  return [...new Set([...names].map((name) => Number(name.slice(3))))].flatMap((lun) => {
    const spelt = [...names].filter((name) => Number(name.slice(3)) === lun)
    const [bdev] = spelt.flatMap((name) => reader.text(name) ?? [])
    if (bdev === undefined) return []
    if (bdevs.has(bdev)) return [{ lun, bdev }]
    reader.warn(reader.first(spelt[0] ?? ""), `bdev "${bdev}" is none that lunlog can make; the LUN is left out`)
    return []
  })
}

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
