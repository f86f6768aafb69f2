/**
 * The state as a native file. Applied to an empty target it makes the same, and that target's export is the same text,
 * byte for byte. Derived UUIDs and statistics are not in it, names and tags are.
 */
import { declaredState } from "../../domain/bdev/declared-state.ts"
import { authGroupsOf, bdevsOf, inertSettingsOf, initiatorGroupsOf, type State, targetsOf } from "../../domain/State.ts"
import type { Exported, ExportOptions } from "../ExportFormat.ts"
import { nativeConfigOf } from "./native-config-of.ts"
import { nativeText } from "./native-text.ts"
import { secretVariables } from "./secret-references.ts"

/** Names in one warning. */
const namesMax = 20

const listed = (names: ReadonlyArray<string>): string =>
  names.length > namesMax
    ? `${names.slice(0, namesMax).join(", ")} and ${names.length - namesMax} more`
    : names.join(", ")

const warn = (names: ReadonlyArray<string>, text: (list: string) => string): ReadonlyArray<string> =>
  names.length === 0 ? [] : [text(listed([...new Set(names)]))]

const leftOut = (state: State, isWhole: boolean): ReadonlyArray<string> => {
  const leaving = [...targetsOf(state), ...bdevsOf(state)].filter(({ phase }) => phase._tag !== "Active")
  const empty = initiatorGroupsOf(state).filter(
    ({ initiators, netmasks }) => initiators.length === 0 || netmasks.length === 0
  )
  return [
    ...warn(
      leaving.map(({ name }) => name),
      (list) => `left out, because they are being deleted: ${list}`
    ),
    ...warn(
      empty.map(({ name, tag }) => name ?? String(tag)),
      (list) => `initiator groups without initiators or netmasks are written as groups that let nobody in: ${list}`
    ),
    ...warn(
      isWhole ? inertSettingsOf(state).map(({ method }) => method) : [],
      (list) => `left out, because they have no effect: ${list}`
    )
  ]
}

/** `secrets` are the texts by their `secretKey`; without them there are references to the environment. */
export const exportNative = (
  state: State,
  { isWhole }: Pick<ExportOptions, "isWhole">,
  secrets?: ReadonlyMap<string, string>
): Exported => {
  const variables = secretVariables(authGroupsOf(state))
  const declared = declaredState(state)
  const { options, ...rest } = nativeConfigOf(
    declared,
    (key) => secrets?.get(key) ?? `\${env:${variables.get(key) ?? ""}}`
  )
  const config = isWhole && options !== undefined ? { options, ...rest } : rest
  const isReferring = secrets === undefined && variables.size > 0
  const header = [
    "Configuration of lunlog, exported.",
    ...(isReferring ? ["Secrets are taken from the environment: see the variables of authGroups."] : [])
  ]
  const warnings = leftOut(declared, isWhole)
  const set = isReferring
    ? [`secrets are not in it; whoever reads it needs in the environment: ${listed([...variables.values()])}`]
    : []
  return { text: nativeText(config, header, secrets === undefined), warnings: [...set, ...warnings] }
}
