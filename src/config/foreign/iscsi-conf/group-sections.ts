/** `[PortalGroupN]` and `[InitiatorGroupN]`: N is the tag. */
import type { IniKey } from "../../ini.ts"
import type { SectionReader } from "./SectionReader.ts"

/** `<label> <host>[:<port>[@<cpumask>]]`; without the label it is read too. */
const portalOf = (reader: SectionReader, key: IniKey): string | undefined => {
  const [first = "", second] = key.values
  const text = second ?? first
  const [address = "", mask] = text.split("@")
  if (address === "") {
    reader.warn(key, "has no address and is left out; write Portal LABEL HOST:PORT")
    return undefined
  }
  if (mask !== undefined) reader.warn(key, `the CPU mask ${mask} has no effect: portals have no cores of their own`)
  return address
}

/** The section as a portal group. */
export const readPortalGroup = (reader: SectionReader): void => {
  const portals = reader.all("Portal").flatMap((key) => portalOf(reader, key) ?? [])
  reader.ignore("Comment")
  reader.draft.portalGroup({ tag: reader.section.number, portals }, reader.place())
}

/** `ALL` is how old files spell it. */
const anyOf = (text: string): string => text.replace(/^(!?)all$/iu, "$1ANY")

/** The section as an initiator group. */
export const readInitiatorGroup = (reader: SectionReader): void => {
  const valuesOf = (name: string) => reader.all(name).flatMap(({ values }) => values.map(anyOf))
  const group = {
    tag: reader.section.number,
    initiators: valuesOf("InitiatorName"),
    netmasks: valuesOf("Netmask")
  }
  reader.ignore("Comment")
  reader.draft.initiatorGroup(group, reader.place())
}
