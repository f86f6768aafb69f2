/** What a change of persistent reservations says, in words. */
import type { EventOf } from "../../domain/Event.ts"
import { noKey, type Registrant, type Reservation, reservationTypeNames } from "../../domain/reservation/Reservation.ts"
import { counted } from "./words.ts"

type Changed = EventOf<"ReservationsChanged">

const nobody = "nobody"

/** A key as people write it: `0xabc123`. */
export const keyText = (key: string): string => `0x${key.replace(/^0+(?=.)/u, "")}`

const whoOf = (registrant: Registrant | undefined): string => registrant?.initiator ?? nobody

/** `write exclusive (type 1)`. */
const reservationTypeText = ({ type }: Reservation): string => `${reservationTypeNames[type]} (type ${type})`

const lossText = ({ unregistered }: Changed): string => {
  const names = [...new Set(unregistered.map(({ initiator }) => initiator))]
  return names.length === 1 ? whoOf(unregistered[0]) : counted(unregistered.length, "registration")
}

const registerText = (event: Changed, by: string): string => {
  const { persistent, registered, reservation, unregistered } = event
  const [first] = registered
  if (first === undefined) {
    const gone = unregistered.length > 1 ? ` through ${unregistered.length} ports` : ""
    return `${by} is not registered any more${gone}${reservation === null ? ", and its reservation is gone" : ""}`
  }
  const others = registered.length > 1 ? `, as are ${registered.length - 1} more` : ""
  const lasting = persistent === true ? "; registrations outlive the process" : ""
  return `${by} is registered with key ${keyText(first.key ?? noKey)}${others}${lasting}`
}

const takenText = (event: Changed, by: string): string => {
  const aborted = event.action === "preempt-and-abort" ? ", and its commands were aborted" : ""
  const { reservation } = event
  const taken = reservation ? `, and has reserved it: ${reservationTypeText(reservation)}` : ""
  return `${by} has preempted ${lossText(event)}${aborted}${taken}`
}

const actText = (event: Changed): string => {
  const by = whoOf(event.by)
  const { reservation } = event
  switch (event.action) {
    case "register":
    case "register-and-ignore":
      return registerText(event, by)
    case "register-and-move":
      return `${by} has handed its reservation to ${whoOf(reservation?.holder)}`
    case "reserve":
      return `${by} has reserved it: ${reservation ? reservationTypeText(reservation) : nobody}`
    case "release":
      return `${by} has released its reservation`
    case "clear":
      return `${by} has cleared ${counted(event.unregistered.length, "registration")}`
    case "cleared":
      return `${counted(event.unregistered.length, "registration")} cleared by command`
    case "restored":
      return `${counted(event.registered.length, "registration")} there again, as the disk is`
    case "preempt":
    case "preempt-and-abort":
      return takenText(event, by)
  }
}

/** Without the address that it came from. */
export const reservationSentence = (event: Changed): string => `disk ${event.bdev.name}: ${actText(event)}`
