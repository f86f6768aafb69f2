/** What questions are about: the objects of a target, as they are named in records and by people. */

/** One object, by name. Which of several of the same name is meant (incarnations) the question says. */
export type LogObject =
  | { readonly _tag: "Target"; readonly name: string }
  | { readonly _tag: "Lun"; readonly target: string; readonly lun: number }
  | { readonly _tag: "Bdev"; readonly name: string }
  | { readonly _tag: "PortalGroup"; readonly tag: number }
  | { readonly _tag: "InitiatorGroup"; readonly tag: number }
  | { readonly _tag: "AuthGroup"; readonly tag: number }
  | { readonly _tag: "Initiator"; readonly name: string }
  | { readonly _tag: "Address"; readonly host: string }
  | { readonly _tag: "Session"; readonly tsih: number }
  | { readonly _tag: "Config"; readonly name: string }

/** How an object is written, for messages and helps. */
export const objectForms =
  "target:NAME, lun:TARGET:ID, bdev:NAME, portal-group:TAG, initiator-group:TAG, auth-group:TAG, initiator:NAME, " +
  "address:IP, session:TSIH, config:NAME, or a name alone"

/** The tag of the records about it (`record-tags.ts`). */
export const objectTag = (object: LogObject): string => {
  switch (object._tag) {
    case "Target":
      return `target:${object.name.toLowerCase()}`
    case "Lun":
      return `lun:${object.target.toLowerCase()}/${object.lun}`
    case "Bdev":
      return `bdev:${object.name}`
    case "PortalGroup":
      return `portal-group:${object.tag}`
    case "InitiatorGroup":
      return `initiator-group:${object.tag}`
    case "AuthGroup":
      return `auth-group:${object.tag}`
    case "Initiator":
      return `initiator:${object.name.toLowerCase()}`
    case "Address":
      return `address:${object.host.toLowerCase()}`
    case "Session":
      return `session:${object.tsih}`
    case "Config":
      return `config:${object.name}`
  }
}

/** As sentences call it. */
export const objectWords = (object: LogObject): string => {
  switch (object._tag) {
    case "Target":
      return `target ${object.name}`
    case "Lun":
      return `LUN ${object.lun} of ${object.target}`
    case "Bdev":
      return `bdev ${object.name}`
    case "PortalGroup":
      return `portal group ${object.tag}`
    case "InitiatorGroup":
      return `initiator group ${object.tag}`
    case "AuthGroup":
      return `auth group ${object.tag}`
    case "Initiator":
      return `initiator ${object.name}`
    case "Address":
      return `address ${object.host}`
    case "Session":
      return `session ${object.tsih}`
    case "Config":
      return `configuration ${object.name}`
  }
}

/** As it is typed on a command line: `parseObject` reads it. */
export const objectText = (object: LogObject): string =>
  object._tag === "Lun" ? `lun:${object.target}:${object.lun}` : objectTag(object)

const numberOf = (text: string): number | undefined => (/^\d{1,10}$/u.test(text) ? Number(text) : undefined)

/** `TARGET:ID` or `TARGET/ID`. */
export const splitLun = (text: string): { readonly target: string; readonly lun: number } | undefined => {
  const parts = /^(.+)[:/](\d{1,3})$/u.exec(text)
  return parts?.[1] === undefined ? undefined : { target: parts[1], lun: Number(parts[2]) }
}

const groupOf = (_tag: "PortalGroup" | "InitiatorGroup" | "AuthGroup") => (text: string) => {
  const tag = numberOf(text)
  return tag === undefined ? undefined : ({ _tag, tag } as const)
}

/** What each kind makes of the text behind its colon; undefined if that is none. */
const kinds: Readonly<Record<string, (text: string) => LogObject | undefined>> = {
  target: (name) => ({ _tag: "Target", name }),
  lun: (text) => {
    const parts = splitLun(text)
    return parts === undefined ? undefined : { _tag: "Lun", ...parts }
  },
  bdev: (name) => ({ _tag: "Bdev", name }),
  "portal-group": groupOf("PortalGroup"),
  "initiator-group": groupOf("InitiatorGroup"),
  "auth-group": groupOf("AuthGroup"),
  initiator: (name) => ({ _tag: "Initiator", name }),
  address: (host) => ({ _tag: "Address", host }),
  session: (text) => {
    const tsih = numberOf(text)
    return tsih === undefined ? undefined : { _tag: "Session", tsih }
  },
  config: (name) => ({ _tag: "Config", name })
}

/** An object with its kind in front: `bdev:Malloc0`. Undefined for a name alone (that of a target has a colon, too). */
export const parseObject = (text: string): LogObject | undefined => {
  const at = text.indexOf(":")
  const kind = at < 0 ? undefined : text.slice(0, at)
  if (kind === undefined || !Object.hasOwn(kinds, kind) || at + 1 === text.length) return undefined
  return kinds[kind]?.(text.slice(at + 1))
}

/** Everything that a name alone may mean; LUNs are told by their target, which may be given in short. */
export const objectsCalled = (text: string): ReadonlyArray<LogObject> => {
  const lun = splitLun(text)
  const tag = numberOf(text)
  const numbered: ReadonlyArray<LogObject> =
    tag === undefined
      ? []
      : [
          { _tag: "PortalGroup", tag },
          { _tag: "InitiatorGroup", tag },
          { _tag: "AuthGroup", tag },
          { _tag: "Session", tsih: tag }
        ]
  return [
    { _tag: "Target", name: text },
    ...(lun === undefined ? [] : [{ _tag: "Lun", ...lun } as const]),
    { _tag: "Bdev", name: text },
    { _tag: "Initiator", name: text },
    { _tag: "Address", host: text },
    { _tag: "Config", name: text },
    ...numbered
  ]
}
