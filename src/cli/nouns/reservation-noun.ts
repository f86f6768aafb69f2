/** `lunlog reservation`: who is registered with disks and has reserved them, and taking that away. */
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import { printable } from "../printable.ts"
import { about, act, count, listing, shared } from "./act.ts"
import { ask } from "./answers.ts"

/** Of `lunlog_reservations_get`. */
const Reservations = Schema.Array(
  Schema.Struct({
    bdev_name: Schema.String,
    generation: Schema.Number,
    persist_through_power_loss: Schema.Boolean,
    reservation: Schema.optionalKey(Schema.Struct({ type: Schema.Number, type_name: Schema.String })),
    registrations: Schema.Array(
      Schema.Struct({
        initiator_name: Schema.String,
        isid: Schema.String,
        target_name: Schema.String,
        relative_target_port: Schema.Number,
        key: Schema.String,
        holder: Schema.Boolean
      })
    )
  })
)
type Reservations = typeof Reservations.Type

const Cleared = Schema.Struct({ cleared: Schema.Number })

const reservationTable = (units: Reservations): string =>
  listing(
    "nobody is registered",
    ["DISK", "INITIATOR", "ISID", "TARGET", "PORT", "KEY", "RESERVATION", "KEPT"],
    units.flatMap(({ bdev_name, persist_through_power_loss, registrations, reservation }) =>
      registrations.map((one) => [
        bdev_name,
        printable(one.initiator_name),
        one.isid,
        one.target_name,
        String(one.relative_target_port),
        `0x${one.key.slice(2).replace(/^0+(?=.)/u, "")}`,
        one.holder && reservation !== undefined ? reservation.type_name : "-",
        persist_through_power_loss ? "yes" : "no"
      ])
    )
  )

const list = Command.make(
  "list",
  { ...shared, disk: Argument.String("disk").pipe(Argument.withDescription("Only this disk"), Argument.optional) },
  (input) =>
    act(input, (call) => {
      const params = Option.isSome(input.disk) ? { name: input.disk.value } : undefined
      return Effect.map(ask(call, Reservations, "lunlog_reservations_get", params), (units) => ({
        json: units,
        text: reservationTable(units)
      }))
    })
).pipe(
  about(
    "List who is registered with disks by PERSISTENT RESERVE OUT, who holds the reservation, and whether it outlives " +
      "the server (KEPT).",
    "reservation list",
    "reservation list Malloc0"
  )
)

const notForced = (disk: string, units: Reservations): CliFailure =>
  new CliFailure({
    message:
      `this would let every initiator write to ${disk} again, also those that a cluster has fenced off; data can be ` +
      `destroyed if any of these still uses it:\n${reservationTable(units)}\n` +
      "Stop them first, or let a node of the cluster preempt them; to clear all the same, add --force"
  })

const clear = Command.make(
  "clear",
  {
    ...shared,
    disk: Argument.String("disk").pipe(Argument.withDescription("Name of the disk")),
    force: Flag.Boolean("force").pipe(
      Flag.withDescription("Nobody who is registered uses the disk any more"),
      Flag.withDefault(false)
    )
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const { disk, force } = input
        const units = yield* ask(call, Reservations, "lunlog_reservations_get", { name: disk })
        if (units.length > 0 && !force) return yield* notForced(disk, units)
        const answer = yield* ask(call, Cleared, "lunlog_reservations_clear", { name: disk })
        return { json: answer, text: `${count(answer.cleared, "registration")} of ${disk} cleared` }
      })
    )
).pipe(
  about(
    "Take away all registrations of a disk and its reservation: for nodes of a cluster that are gone for ever.",
    "reservation clear Malloc0 --force"
  )
)

/** The noun. */
export const reservationNoun = Command.make("reservation").pipe(
  Command.withDescription("Persistent reservations of disks: list, clear."),
  Command.withSubcommands([list, clear])
)
