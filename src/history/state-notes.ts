/** What a configuration cannot say about a moment: where in the log it was, and what was under way. */
import { reservationTypeNames } from "../domain/reservation/Reservation.ts"
import { bdevsOf, lunsOf, reservationsOf, type State, targetsOf } from "../domain/State.ts"
import { counted, listed } from "./describe/words.ts"
import { originText } from "./fork/origin-text.ts"
import { timeText } from "./position.ts"

/** Which moment. */
export interface Moment {
  /** The record that was asked for. */
  readonly seq: number
  /** Its time, microseconds since the epoch; undefined in front of the first. */
  readonly at: number | undefined
  readonly controlSeq: number
  readonly controlNo: number
  readonly controlHash: string
}

/** Names in one note. */
const namesMax = 20

const note = (names: ReadonlyArray<string>, text: (list: string) => string): ReadonlyArray<string> => {
  const more = names.length - namesMax
  const shown = more > 0 ? [...names.slice(0, namesMax), `${more} more`] : names
  return names.length === 0 ? [] : [text(shown.join(", "))]
}

/** Who had reserved which disk, or was registered with it. */
const reserved = (state: State): ReadonlyArray<string> =>
  reservationsOf(state).flatMap(({ bdev, registrations, reservation }) => {
    if (registrations.length === 0) return []
    if (reservation === undefined) return [`${bdev.name} (${counted(registrations.length, "registration")})`]
    const holder = reservation.holder?.initiator ?? counted(registrations.length, "registrant")
    return [`${bdev.name} (${reservationTypeNames[reservation.type]}, ${holder})`]
  })

/** What was under way: none of it is in a configuration. */
const underWay = (state: State): ReadonlyArray<string> => {
  const targets = targetsOf(state)
  const draining = targets.flatMap((target) =>
    lunsOf(target).flatMap(({ bdev, lun, phase }) =>
      phase._tag === "Draining" ? [`LUN ${lun} of ${target.name} (bdev ${bdev.name}, since record ${phase.since})`] : []
    )
  )
  const deleting = targets.flatMap(({ name, phase }) =>
    phase._tag === "Deleting" ? [`${name} (since record ${phase.since})`] : []
  )
  const removing = bdevsOf(state).flatMap(({ name, phase }) =>
    phase._tag === "Removing" ? [`${name} (since record ${phase.since})`] : []
  )
  const emptied = bdevsOf(state).flatMap(({ contentLost, name }) => (contentLost ? [name] : []))
  return [
    ...note(draining, (list) => `draining, and left out: ${list}`),
    ...note(deleting, (list) => `targets that were being deleted, and are left out: ${list}`),
    ...note(removing, (list) => `bdevs that were being removed, and are left out: ${list}`),
    ...note(emptied, (list) => `content in memory that a restart had emptied: ${list}`),
    ...note(reserved(state), (list) => `persistent reservations: ${list}`),
    ...(state.configParts.length === 0 ? [] : ["a configuration was being recorded"]),
    ...(state.configTakenDown.length === 0
      ? []
      : [`${counted(state.configTakenDown.length, "object")} that a configuration had taken down were not up again`])
  ]
}

/** Lines of a comment at the top of the file. */
export const stateHeader = (state: State, moment: Moment): ReadonlyArray<string> => {
  const { at, controlHash, controlNo, controlSeq, seq } = moment
  const { appliedConfig, epoch, fork } = state
  return [
    `State at record ${seq}${at === undefined ? "" : `, ${timeText(at)}`}.`,
    epoch === undefined
      ? "Nothing had started yet."
      : `Epoch ${epoch.number} (${epoch.mode}), began with record ${epoch.startedAt}, lunlog ${epoch.version}.`,
    `Last control record: ${controlSeq} (number ${controlNo}), SHA-256 ${controlHash === "" ? "none" : controlHash}.`,
    ...(fork === undefined ? [] : [`A ${originText(fork)}.`]),
    ...(appliedConfig === undefined
      ? []
      : [`Configuration applied last: ${listed([appliedConfig.name])} (record ${appliedConfig.seq}).`]),
    ...underWay(state).map((text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`)
  ]
}
