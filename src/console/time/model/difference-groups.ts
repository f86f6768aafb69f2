/** What two moments differ in, for people: objects by their kind, each with a sign and a word. */
import type { ObjectChange } from "../../rpc/history-methods.ts"
import { objectName } from "./object-name.ts"

/** How an object, or a member of one, is another. */
export interface ChangeSign {
  /** As `lunlog log diff` shows it. */
  readonly sign: string
  readonly word: string
  readonly tone: "good" | "warn" | "bad"
}

const signs: Readonly<Record<string, ChangeSign>> = {
  create: { sign: "+", word: "new", tone: "good" },
  remove: { sign: "−", word: "gone", tone: "bad" },
  change: { sign: "~", word: "changed", tone: "warn" },
  replace: { sign: "−/+", word: "another one", tone: "warn" },
  "made-anew": { sign: "−/+", word: "made anew", tone: "warn" }
}
const unknownSign: ChangeSign = { sign: "~", word: "changed", tone: "warn" }

/** Of an object. */
export const signOfObject = (action: string): ChangeSign => signs[action] ?? unknownSign

/** Of a member: it has come, gone, or is another. */
export const signOfMember = (from: string | undefined, to: string | undefined): ChangeSign => {
  if (from === undefined) return signOfObject("create")
  return to === undefined ? signOfObject("remove") : unknownSign
}

/** Objects of one kind. */
export interface DifferenceGroup {
  readonly kind: string
  readonly title: string
  readonly objects: ReadonlyArray<ObjectChange>
}

/** In the order in which they are shown: what initiators see first. */
const titles: ReadonlyArray<readonly [kind: string, title: string]> = [
  ["target", "Targets and their LUNs"],
  ["bdev", "Disks"],
  ["portal-group", "Portal groups"],
  ["initiator-group", "Initiator groups"],
  ["auth-group", "Auth groups"],
  ["", "Settings"]
]

const kindOf = ({ about }: ObjectChange): string => {
  const kind = about === undefined ? "" : objectName(about).kind
  return titles.some(([known]) => known === kind) ? kind : ""
}

/** Groups that have any, each in the order of the answer. */
export const groupsOf = (objects: ReadonlyArray<ObjectChange>): ReadonlyArray<DifferenceGroup> =>
  titles
    .map(([kind, title]) => ({ kind, title, objects: objects.filter((one) => kindOf(one) === kind) }))
    .filter((group) => group.objects.length > 0)

/** `2 new, 1 gone, 3 changed`. */
export const summaryOf = (objects: ReadonlyArray<ObjectChange>): string => {
  const counts = new Map<string, number>()
  for (const { action } of objects) {
    const { word } = signOfObject(action)
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ")
}
