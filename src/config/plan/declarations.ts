/** Where a file declares an object, and the command that makes it; by section and key, as in `Model`. */
import type { Command } from "../../domain/Command.ts"
import { iscsiNameKey } from "../../domain/ids.ts"
import type { Declared, Wanted } from "../native/DesiredState.ts"
import type { ConfigPath } from "../native/NativeFile.ts"
import type { Model } from "./Model.ts"

/** Lookups in one file. */
export interface Declarations {
  readonly creationOf: (section: keyof Model, key: string) => Declared | undefined
  /** The section as a whole, if it has no such object. */
  readonly pathOf: (section: keyof Model, key: string) => ConfigPath
}

const keyOf = (command: Command): readonly [keyof Model, string] | undefined => {
  switch (command._tag) {
    case "CreateAuthGroup":
      return ["authGroups", String(command.tag)]
    case "CreateBdev":
      return ["bdevs", command.name ?? ""]
    case "CreatePortalGroup":
      return ["portalGroups", String(command.tag)]
    case "CreateInitiatorGroup":
      return ["initiatorGroups", String(command.tag)]
    case "CreateTargetNode":
      return ["targets", iscsiNameKey(command.name)]
    default:
      return undefined
  }
}

/** Looks everything up once. */
export const declarationsOf = (desired: Wanted): Declarations => {
  const found = new Map<string, Declared>()
  for (const declared of desired.declared) {
    const place = keyOf(declared.command)
    if (place !== undefined) found.set(place.join("/"), declared)
  }
  return {
    creationOf: (section, key) => found.get(`${section}/${key}`),
    pathOf: (section, key) => found.get(`${section}/${key}`)?.path ?? [section]
  }
}
