/** `lunlog lun`: the disks of targets. */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { byteText } from "../table.ts"
import { about, act, listing, shared } from "./act.ts"
import { ask, askTargets, Bdevs, bytesOf, findTarget } from "./answers.ts"

const target = Argument.String("target").pipe(
  Argument.withDescription("Its name, whole or without what stands before the first colon")
)
const lun = Argument.Int("lun").pipe(Argument.withDescription("Id of the LUN"))

const list = Command.make("list", { ...shared, target: Argument.optional(target) }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const targets = Option.isSome(input.target)
        ? [yield* findTarget(call, input.target.value)]
        : yield* askTargets(call)
      const bdevs = yield* ask(call, Bdevs, "bdev_get_bdevs")
      const luns = targets.flatMap(({ luns, name }) => luns.map((one) => ({ target: name, ...one })))
      const rows = luns.map(({ bdev_name, lun_id, target }) => {
        const bdev = bdevs.find(({ name }) => name === bdev_name)
        const known = bdev === undefined ? ["", "", ""] : [bdev.product_name, byteText(bytesOf(bdev)), bdev.uuid ?? ""]
        return [target, String(lun_id), bdev_name, ...known]
      })
      return { json: luns, text: listing("no LUN", ["TARGET", "LUN", "BDEV", "TYPE", "SIZE", "UUID"], rows) }
    })
  )
).pipe(about("List the LUNs of all targets, or of one.", "lun list", "lun list disk1"))

const add = Command.make(
  "add",
  {
    ...shared,
    target,
    bdev: Argument.String("bdev").pipe(Argument.withDescription("The disk")),
    lun: Flag.Int("lun").pipe(Flag.withDescription("Id of the LUN (default: the lowest free one)"), Flag.optional)
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const { luns: before, name } = yield* findTarget(call, input.target)
        const wanted = Option.isSome(input.lun) ? { lun_id: input.lun.value } : {}
        yield* call("iscsi_target_node_add_lun", { name, bdev_name: input.bdev, ...wanted })
        const known = new Set(before.map(({ lun_id }) => lun_id))
        const { luns } = yield* findTarget(call, name)
        const made = luns.find(({ bdev_name, lun_id }) => bdev_name === input.bdev && !known.has(lun_id))
        const id = made?.lun_id ?? Option.getOrUndefined(input.lun)
        return {
          json: { target: name, lun_id: id, bdev_name: input.bdev },
          text: `LUN ${id} of ${name} is ${input.bdev}`
        }
      })
    )
).pipe(
  about(
    "Add a disk to a target, also while initiators are logged in.",
    "lun add disk1 Malloc2",
    "lun add disk1 Malloc2 --lun 5"
  )
)

const remove = Command.make("remove", { ...shared, target, lun }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const { name } = yield* findTarget(call, input.target)
      yield* call("iscsi_target_node_remove_lun", { name, lun_id: input.lun })
      return { json: true, text: `LUN ${input.lun} of ${name} is gone; its disk stays` }
    })
  )
).pipe(about("Take a disk away from a target, once its commands have ended. The disk stays.", "lun remove disk1 2"))

/** The noun. */
export const lunNoun = Command.make("lun").pipe(
  Command.withDescription("Disks of targets: list, add, remove."),
  Command.withSubcommands([list, add, remove])
)
